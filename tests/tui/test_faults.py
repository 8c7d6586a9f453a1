"""What is left on the terminal when something breaks: calm words, help lines, nobody's words."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable

import pytest
from rich.console import Console
from textual.app import App

from tests._helpers import Factory, running, settle
from tide_chat.errors import PolicyError
from tide_chat.tui import words
from tide_chat.tui.app import TideApp
from tide_chat.tui.composer import Composer
from tide_chat.tui.fixed import load_fixed
from tide_chat.tui.opening import Opening
from tide_chat.types import CancelToken

Make = Callable[..., TideApp]


async def test_a_crash_prints_help_lines_and_not_what_was_typed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: object, event: Composer.Sent) -> None:
        typed = event.text
        raise RuntimeError(f"fault after {typed}")

    monkeypatch.setattr("tide_chat.tui.chat_screen.ChatScreen.on_composer_sent", broken)
    app = make(Factory())
    app.error_console = Console(file=io.StringIO(), width=100)
    with pytest.raises(RuntimeError):
        async with running(app) as pilot:
            app._chat.query_one(Composer).insert("my secret sentence")
            await pilot.press("enter")
            await pilot.pause()
    printed = app.error_console.file.getvalue()
    assert words.CRASHED in printed
    assert "988" in printed
    assert "secret" not in printed and "Traceback" not in printed
    assert app.return_code == 1


def test_a_panic_of_the_library_is_a_crash_like_any_other(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(Factory())
    monkeypatch.setattr(app, "_close_messages_no_wait", lambda: None)
    app.panic("Traceback with a secret sentence")
    assert [str(part) for part in app._exit_renderables] == [
        "\n".join((words.CRASHED, *app.desk.fixed.described()))
    ]


def test_the_hooks_of_textual_that_we_replace_are_still_there() -> None:
    """Pinned on Textual 8.2.8: without them a crash would print local variables again."""
    assert "show_locals=True" in __import__("inspect").getsource(App._fatal_error)
    assert "_fatal_error" in App._handle_exception.__code__.co_names
    assert "_exit_renderables" in App._print_error_renderables.__code__.co_names
    assert callable(App.panic)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
async def test_a_signal_leaves_cleanly(make: Make, number: signal.Signals) -> None:
    app = make(Factory())
    async with running(app) as pilot:
        await settle(pilot, lambda: app.desk.opening.progress.stage == "ready")
        signal.raise_signal(number)
        await settle(pilot, lambda: app._exit)
    assert app.return_code == 128 + number


def test_without_the_policy_files_the_program_still_says_where_help_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise PolicyError("gone")

    monkeypatch.setattr("tide_chat.safety.help_lines.HelpLines.shipped", missing)
    monkeypatch.setattr("tide_chat.safety.responses.Responses.shipped", missing)
    fixed = load_fixed("US")
    assert "not a person" in fixed.disclosure
    assert fixed.described() == (words.NO_LINES,)
    assert fixed.named(["us-988"]) == ()


def test_a_companion_that_cannot_open_says_so_in_one_sentence() -> None:
    def broken(*, without_model_ok: bool) -> None:
        raise ValueError("with typed words")

    opening = Opening(broken)
    opening.start()
    with pytest.raises(Exception, match="could not start"):
        opening.wait(CancelToken())
    assert opening.progress.stage == "failed"
    assert "typed words" not in opening.progress.sentence
    assert opening.close()


def test_a_fault_around_the_model_leaves_the_crisis_texts() -> None:
    partner = Factory().partner

    def half_broken(*, without_model_ok: bool) -> object:
        if not without_model_ok:
            raise ImportError("with typed words")
        return partner

    opening = Opening(half_broken)
    opening.start()
    assert opening.wait(CancelToken()) is partner
    assert opening.close()


def test_waiting_for_the_companion_can_be_given_up() -> None:
    factory = Factory(opens=False)
    opening = Opening(factory)
    opening.start()
    cancel = CancelToken()
    cancel.cancel()
    assert opening.wait(cancel) is None
    factory.gate.set()
    assert opening.wait(CancelToken()) is factory.partner
    assert opening.close()
    assert factory.partner.closed
