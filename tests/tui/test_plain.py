"""The line mode, as a pipe and as a terminal."""

from __future__ import annotations

import io
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import CRISIS, FALLBACK, MISSING, Factory, accept, paths_below, settings
from tide_chat.errors import EngineError
from tide_chat.tui import plain, words


class Terminal(io.StringIO):
    """Input that says it is a terminal, and may act between two lines."""

    def isatty(self) -> bool:
        return True


class Interrupts(Terminal):
    """Ctrl-C at the prompt."""

    def readline(self, *_: Any) -> str:
        raise KeyboardInterrupt


def hold(factory: Factory, home: Path, stdin: io.StringIO, country: str = "US") -> tuple[int, str]:
    out = io.StringIO()
    code = plain.run(factory, settings(country), paths_below(home), stdin=stdin, stdout=out)
    return code, out.getvalue()


def flowing(*replies: str | Exception, **more: Any) -> Factory:
    factory = Factory(*replies, **more)
    factory.engine.release(9999)
    return factory


def test_a_pipe_gets_the_disclosure_and_one_reply_a_line(home: Path) -> None:
    factory = flowing("First answer.", "Second answer.")
    code, out = hold(factory, home, io.StringIO("one\n\ntwo\n"), country="IE")
    assert code == 0
    assert out.splitlines() == [
        words.REMINDER,
        "Companion: First answer. ",
        "Companion: Second answer. ",
    ]
    assert factory.partner.talks[0].heard == ["one", "two"]
    assert factory.partner.closed
    assert not home.exists()


def test_nothing_but_words_is_written(home: Path) -> None:
    factory = flowing("First\x1b[31m answer.", model=True)
    _, out = hold(factory, home, io.StringIO("i have the pills\nand more\n"))
    assert all(c == "\n" or c.isprintable() for c in out)
    assert not set(out) & set("│─┃━╭╰┏┗▄▀█")


def test_a_crisis_names_the_lines(home: Path) -> None:
    factory = flowing(ready=False)
    _, out = hold(factory, home, io.StringIO("i have the pills\n"))
    assert f"Help: {CRISIS}\n" in out
    assert "Help: 988 Suicide & Crisis Lifeline: call or text 988 (24/7)\n" in out
    assert "Companion:" not in out
    assert factory.engine.asked == 0


def test_what_is_taken_back_is_said(home: Path) -> None:
    _, out = hold(flowing("You are RETRACT"), home, io.StringIO("hello\n"))
    assert "Companion: You are \nNote: " + words.WITHDRAWN in out
    assert out.endswith("Companion: Let me say that another way.\n")


def test_a_failing_engine_and_a_missing_model_get_the_fixed_text(home: Path) -> None:
    _, out = hold(flowing(EngineError("broken")), home, io.StringIO("hello\n"))
    assert f"Companion: {FALLBACK}" in out
    _, out = hold(flowing(model=False), home, io.StringIO("hello\ni have the pills\n"))
    assert out.count(MISSING) == 1
    assert f"Help: {CRISIS}" in out


def test_a_fault_names_help_and_not_the_words(home: Path) -> None:
    code, out = hold(flowing(), home, io.StringIO("FAULT secret\n"))
    assert code == 0
    assert words.TURN_FAILED in out and "988" in out and "secret" not in out


def test_commands(home: Path) -> None:
    accept(paths_below(home))
    factory = flowing()
    code, out = hold(factory, home, Terminal("/help\n/lines\n/stop-hint\n/quit\nnever read\n"))
    assert code == 0
    assert "Ctrl-C stops a reply" in out
    assert words.CANNOT_CALL in out and "call or text 988" in out
    assert factory.partner.talks == []
    assert "do you want to go on" not in out.lower()


def test_the_first_run_asks_in_words_and_notes_the_answer(home: Path) -> None:
    code, out = hold(flowing("Hello."), home, Terminal("xx\nuk\nperhaps\nyes\nhi\n"), "US")
    assert code == 0
    assert "not a person" in out and "Companion: Hello." in out
    assert out.count("Do you want to go on?") == 2
    assert tomllib.loads((home / "settings.toml").read_text()) == {"country": "GB"}
    assert set(tomllib.loads((home / "consent.toml").read_text())) == {"version", "date"}


@pytest.mark.parametrize("answers", ["\nno\n", "\n", ""], ids=["no", "ends", "ends at once"])
def test_no_is_an_answer(home: Path, answers: str) -> None:
    code, out = hold(flowing(), home, Terminal(answers))
    assert code == 0
    assert not (home / "consent.toml").exists()
    assert "Help:" in out


def test_ctrl_c_at_the_prompt_leaves_with_130(home: Path) -> None:
    accept(paths_below(home))
    code, _ = hold(flowing(), home, Interrupts())
    assert code == 130


def test_ctrl_c_during_a_reply_stops_that_reply(home: Path) -> None:
    accept(paths_below(home))
    factory = Factory("One two three.", "Again.")
    factory.engine.release(1)
    out = io.StringIO()

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            if "One" in text:
                signal.raise_signal(signal.SIGINT)
            return out.write(text)

    class Lines(Terminal):
        def readline(self, *_: Any) -> str:
            line = super().readline()
            if line.startswith("second"):
                factory.engine.release(99)
            return line

    code = plain.run(
        factory,
        settings(),
        paths_below(home),
        stdin=Lines("first\nsecond\n"),
        stdout=Watched(),
    )
    assert code == 0
    assert "Companion: One" in out.getvalue()
    assert "two" not in out.getvalue()
    assert f"Note: {words.STOPPED}" in out.getvalue()
    assert "Companion: Again." in out.getvalue()


def test_waiting_for_the_model_is_said_in_a_terminal(home: Path) -> None:
    accept(paths_below(home))
    factory = Factory("Here.", ready=False)

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            if words.STILL_LOADING in text:
                factory.engine.become_ready()
                factory.engine.release(9)
            return super().write(text)

    out = Watched()
    plain.run(factory, settings(), paths_below(home), stdin=Terminal("hello\n"), stdout=out)
    assert words.STILL_LOADING in out.getvalue()
    assert "Companion: Here." in out.getvalue()
