"""The Textual application: two screens and a way out. It never writes what anybody typed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial

from rich.text import Text
from textual.actions import SkipAction
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Select

from tide_chat.paths import Paths
from tide_chat.settings import Settings, write_setting
from tide_chat.tui import consent, words
from tide_chat.tui.chat_screen import ChatScreen
from tide_chat.tui.desk import Desk
from tide_chat.tui.fixed import load_fixed
from tide_chat.tui.help_screen import HelpScreen
from tide_chat.tui.seam import OpensPartner
from tide_chat.tui.theme import DARK, LIGHT
from tide_chat.tui.transcript import Transcript
from tide_chat.tui.welcome import WelcomeScreen

__all__ = ["TideApp", "make_app", "run_app"]

_TWICE_SECONDS = 1.0
_TITLE = "Terminal"
"""What the window is called while the chat is open: the title bar may be seen by others."""


class TideApp(App[None]):
    """Opens the chat at once and everything heavy behind it."""

    TITLE = _TITLE
    DEFAULT_CSS = """
    Footer { background: $background; }
    Footer FooterKey .footer-key--key { color: $accent; background: $background; }
    """
    BINDINGS = [
        Binding("ctrl+q", "leave", "Leave", key_display="Ctrl+Q", priority=True, show=False),
        Binding("f1", "help_lines", "Help lines", key_display="F1", priority=True, show=False),
        Binding("escape", "escape", "Stop", key_display="Esc", priority=True, show=False),
    ]

    def __init__(
        self,
        desk: Desk,
        paths: Paths,
        *,
        ask_consent: bool,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = consent.today,
    ) -> None:
        super().__init__()
        self.desk = desk
        self.hidden = False
        """Whether the person left in a hurry and the terminal is to be wiped."""
        self._paths = paths
        self._ask_consent = ask_consent
        self._clock = clock
        self._today = today
        self._escaped = float("-inf")
        self._chat = ChatScreen(desk)
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name

    def get_default_screen(self) -> Screen[None]:
        """Let the conversation lie at the bottom of the stack."""
        return self._chat

    def on_mount(self) -> None:
        """Set the title, ask for consent where it is missing, and open the companion."""
        loop = asyncio.get_running_loop()
        # asyncio would print the arguments of a failed callback, which may be words.
        loop.set_exception_handler(lambda _loop, _context: None)
        for name in ("SIGTERM", "SIGHUP"):
            with contextlib.suppress(AttributeError, NotImplementedError, RuntimeError, ValueError):
                number = getattr(signal, name)
                loop.add_signal_handler(number, partial(self.leave, 128 + number))
        if self._driver is not None and not self._driver.is_headless:
            self._driver.write(f"\x1b[22;0t\x1b]2;{_TITLE}\x07")
        if self._ask_consent:
            self.push_screen(WelcomeScreen(self.desk.fixed), self._accepted)
        self.call_after_refresh(self.desk.opening.start)

    async def _accepted(self, country: str | None) -> None:
        self.desk.fixed = self.desk.fixed.with_country(country)
        try:
            # Off the loop: a slow disk must not hold up the first words.
            await asyncio.to_thread(self._note_consent, country)
        except OSError:
            await self._chat.query_one(Transcript).add_note(words.NOT_NOTED)

    def _note_consent(self, country: str | None) -> None:
        consent.record_consent(self._paths, self.desk.fixed.version, self._today())
        if country is not None:
            write_setting("country", country, self._paths)

    # --- keys -------------------------------------------------------------------------------------

    def action_help_lines(self) -> None:
        """Show the help lines, or go back from them."""
        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
        else:
            fixed = self.desk.fixed
            self.push_screen(HelpScreen(fixed.help_lines, fixed.country))

    def action_escape(self) -> None:
        """Stop the reply or go back; twice within a second, leave at once from anywhere."""
        now = self._clock()
        if now - self._escaped <= _TWICE_SECONDS:
            self.hidden = True
            self.leave()
            return
        self._escaped = now
        for select in self.screen.query(Select):
            if select.expanded:
                select.expanded = False
                return
        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
        elif isinstance(self.screen, ChatScreen):
            self.screen.stop()
        elif not isinstance(self.screen, WelcomeScreen):
            raise SkipAction

    def action_leave(self) -> None:
        """Leave; nothing is kept, so nothing is asked."""
        self.leave()

    def leave(self, code: int = 0) -> None:
        """End the program; a reply on its way is dropped."""
        self._chat.stop()
        self.exit(return_code=code)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer few commands, and none that writes the conversation to disk."""
        yield SystemCommand("Help lines", "People you can call or text", self.action_help_lines)
        yield SystemCommand("Light or dark", "Change the colours", self._other_theme)
        yield SystemCommand("Leave", "End the program; nothing is kept", self.leave)

    def _other_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    # --- faults -----------------------------------------------------------------------------------
    # Private and public hooks of Textual 8.2.8, pinned by a test: its own crash screen prints local
    # variables, and those hold what somebody typed.

    def _fatal_error(self) -> None:
        lines = "\n".join(self.desk.fixed.described())
        self._exit_renderables[:] = [Text(f"{words.CRASHED}\n{lines}")]
        self._close_messages_no_wait()

    def panic(self, *renderables: object) -> None:
        """Do as for any other fault; the renderables may carry a traceback."""
        self._fatal_error()


def make_app(
    companion_factory: OpensPartner,
    settings: Settings,
    paths: Paths,
    *,
    seed: int | None = None,
    clock: Callable[[], float] = time.monotonic,
    today: Callable[[], date] = consent.today,
) -> TideApp:
    """Put the application together; opens nothing heavy and paints nothing yet."""
    fixed = load_fixed(settings.with_country(), settings.language)
    desk = Desk(companion_factory, settings, fixed, seed)
    ask = not consent.consented(paths, fixed.version)
    return TideApp(desk, paths, ask_consent=ask, clock=clock, today=today)


def run_app(app: TideApp) -> int:
    """Run it in this terminal, leave the terminal as it was, and return the exit code.

    After a quick exit the terminal is wiped as well.
    """
    app.run()
    terminal = sys.__stderr__
    if terminal is not None and terminal.isatty():
        # The title the window had before; then, in a hurry, an empty screen.
        with contextlib.suppress(OSError, ValueError):
            terminal.write("\x1b[23;0t" + ("\x1b[2J\x1b[H" if app.hidden else ""))
            terminal.flush()
    app.desk.close()
    return app.return_code or 0
