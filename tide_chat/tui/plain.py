"""The line mode: for screen readers, pipes and terminals without cursor control.

Writes words and line breaks, nothing else: no colour, no box, no spinner, no rewriting. Takes the
same turns from the same desk as the screen does.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from datetime import date
from functools import partial
from types import FrameType
from typing import TextIO

from tide_chat.errors import TideError
from tide_chat.paths import Paths
from tide_chat.settings import Settings, write_setting
from tide_chat.tui import consent, words
from tide_chat.tui.countries import country_name
from tide_chat.tui.desk import Desk
from tide_chat.tui.fixed import load_fixed
from tide_chat.tui.seam import OpensPartner
from tide_chat.types import (
    CancelToken,
    Event,
    HelpOffered,
    Notice,
    Released,
    Replied,
    Retracted,
    Risk,
    Screened,
)

__all__ = ["run"]

_HELP = (
    "/lines prints help lines, /stop-hint says how to stop a reply, /quit leaves. "
    "Anything else is a message to the companion."
)
_STOP_HINT = "Ctrl-C stops a reply. Ctrl-C again, when you could write, leaves."


def run(
    companion_factory: OpensPartner,
    settings: Settings,
    paths: Paths,
    *,
    stdin: TextIO,
    stdout: TextIO,
    seed: int | None = None,
    today: date | None = None,
) -> int:
    """Hold a conversation line by line and return the exit code.

    A terminal on the input makes it interactive: consent is asked for where it is missing, and a
    prompt is printed. Otherwise each line is a message and the end of the input is the end.
    """
    fixed = load_fixed(settings.with_country(), settings.language)
    desk = Desk(companion_factory, settings, fixed, seed)
    line_mode = _LineMode(desk, stdin, stdout)
    try:
        return line_mode.talk(paths, today or consent.today())
    except KeyboardInterrupt:
        line_mode.say("")
        return 130
    finally:
        desk.close()


class _LineMode:
    def __init__(self, desk: Desk, stdin: TextIO, stdout: TextIO) -> None:
        self._desk = desk
        self._stdin = stdin
        self._stdout = stdout
        self._interactive = stdin.isatty()
        self._told = False

    def say(self, line: str) -> None:
        """Write one line."""
        self._write(line + "\n")

    def talk(self, paths: Paths, today: date) -> int:
        """Ask for consent where needed, then take line after line."""
        fixed = self._desk.fixed
        if self._interactive and not consent.consented(paths, fixed.version):
            if not self._consent(paths, today):
                return 0
        else:
            self.say(fixed.reminder)
        if self._interactive:
            self.say(_HELP)
        self._desk.opening.start()
        while (line := self._read("You: ")) is not None:
            text = words.clean(line).strip()
            if text == "/quit":
                break
            if text in ("/help", "/lines", "/stop-hint"):
                self._command(text)
            elif text:
                self._turn(text)
        return 0

    def _consent(self, paths: Paths, today: date) -> bool:
        fixed = self._desk.fixed
        self.say(fixed.disclosure)
        self.say(fixed.notice)
        self._lines()
        country = self._country()
        while (answer := self._read("Do you want to go on? (yes or no) ")) is not None:
            if answer.strip().lower() in ("n", "no"):
                return False
            if answer.strip().lower() in ("y", "yes"):
                break
        if answer is None:
            return False
        try:
            consent.record_consent(paths, fixed.version, today)
            if country is not None:
                write_setting("country", country, paths)
        except OSError:
            self.say(words.NOT_NOTED)
        return True

    def _country(self) -> str | None:
        """Ask for the country of the help lines; an empty answer keeps what stands."""
        fixed = self._desk.fixed
        if fixed.help_lines is None:
            return fixed.country
        known = (*fixed.help_lines.countries, "ZZ")
        stands = country_name(fixed.country or "ZZ")
        question = f"Country for the help lines, two letters [{stands}]: "
        while (answer := self._read(question)) is not None:
            code = {"UK": "GB"}.get(answer.strip().upper(), answer.strip().upper())
            if not code:
                break
            if code in known:
                self._desk.fixed = fixed.with_country(code)
                self._lines()
                return code
            self.say(f"There is no list for that; there is one for {', '.join(known)} (worldwide).")
        return fixed.country

    def _command(self, name: str) -> None:
        if name == "/lines":
            self.say(words.CANNOT_CALL)
            self._lines()
        else:
            self.say(_STOP_HINT if name == "/stop-hint" else _HELP)

    def _lines(self) -> None:
        for line in self._desk.fixed.described():
            self.say(f"Help: {line}")

    # --- a turn ---------------------------------------------------------------------------------

    def _turn(self, text: str) -> None:
        cancel = CancelToken()
        shown = _Shown(self)
        try:
            with _ctrl_c_throws(cancel):
                for event in self._desk.runner.iterate(partial(self._events, text), cancel):
                    if isinstance(event, Screened):
                        self._tell(event)
                    shown.event(event)
        except TideError:
            shown.end()
            self.say(f"Companion: {words.TURN_FAILED}")
            self._lines()
        shown.end()
        if cancel.cancelled:
            self.say(f"Note: {words.STOPPED}")
        self._tell()

    def _events(self, text: str, cancel: CancelToken) -> Iterator[Event]:
        talk = self._desk.talk(cancel)
        if talk is not None:
            yield from talk.stream(text, cancel)

    def _tell(self, event: Event | None = None) -> None:
        """Say once what is missing and, to a person who waits, that the model is loading.

        Never between a message in danger and its answer.
        """
        if isinstance(event, Screened) and event.screening.risk >= Risk.HIGH:
            return
        progress = self._desk.opening.progress
        if progress.sentence and not self._told:
            self._told = True
            self.say(f"Note: {progress.sentence}")
        elif event is not None and self._interactive and progress.stage == "loading":
            self.say(f"Note: {words.STILL_LOADING}")

    # --- in and out -------------------------------------------------------------------------------

    def _read(self, prompt: str) -> str | None:
        if self._interactive:
            self._write(prompt)
        line = self._stdin.readline()
        return line if line else None

    def _write(self, text: str) -> None:
        self._stdout.write(text)
        self._stdout.flush()


class _Shown:
    """What of a turn was written, so that labels stand once and the whole reply is there."""

    def __init__(self, mode: _LineMode) -> None:
        self._mode = mode
        self._words = False
        """Some of the reply stands."""
        self._open = False
        """The line of the reply is not ended yet."""
        self._whole = False

    def event(self, event: Event) -> None:
        """Write what an event has to show."""
        if isinstance(event, HelpOffered):
            self.end()
            self._whole = self._whole or event.whole_reply
            self._mode.say(f"Help: {words.clean(event.text).strip()}")
            for line in self._mode._desk.fixed.named(event.help_lines):
                self._mode.say(f"Help: {line.describe(self._mode._desk.fixed.language)}")
        elif isinstance(event, Notice):
            self.end()
            self._mode.say(f"Note: {event.text}")
        elif isinstance(event, Released):
            self._append(event.text)
        elif isinstance(event, Retracted):
            if self._words:
                self.end()
                self._mode.say(f"Note: {words.WITHDRAWN}")
                self._words = False
            self._append(event.replacement)
        elif isinstance(event, Replied):
            self._finish(event)

    def _finish(self, event: Replied) -> None:
        if not self._words and not self._whole and event.reply.outcome != "cancelled":
            self._append(event.reply.text)

    def _append(self, text: str) -> None:
        text = words.clean(text)
        if not self._words:
            text = text.lstrip()
            if not text:
                return
            text = f"Companion: {text}"
        self._words = self._open = True
        self._mode._write(text)

    def end(self) -> None:
        """End the line of the reply."""
        if self._open:
            self._open = False
            self._mode.say("")


@contextlib.contextmanager
def _ctrl_c_throws(cancel: CancelToken) -> Iterator[None]:
    """Let the first Ctrl-C stop the reply; one more, while it is stopping, interrupts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        if cancel.cancelled:
            raise KeyboardInterrupt
        cancel.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
