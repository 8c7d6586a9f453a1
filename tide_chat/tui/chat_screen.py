"""The conversation: shows the events of a turn as they come and owns nothing but their order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from functools import partial

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerState

from tide_chat.errors import TideError
from tide_chat.tui import words
from tide_chat.tui.composer import Composer
from tide_chat.tui.desk import Desk
from tide_chat.tui.reply_view import ReplyView
from tide_chat.tui.status_line import StatusLine
from tide_chat.tui.transcript import Transcript
from tide_chat.types import (
    CancelToken,
    Event,
    HelpOffered,
    Notice,
    Released,
    Replied,
    Retracted,
    Retrieved,
    Risk,
    Screened,
)

__all__ = ["ChatScreen"]

_LOOK_SECONDS = 0.2
_NOTICE_SECONDS = 3 * 60 * 60
"""How often a long conversation says again that this is software."""
_ESCAPE = "Stop (twice: leave now)"


class ChatScreen(Screen[None]):
    """Transcript above, one line of state, the composer, the keys."""

    DEFAULT_CSS = """
    ChatScreen { align: center top; }
    ChatScreen #page { max-width: 80; height: 1fr; }
    """

    BINDINGS = [
        Binding("f1", "app.help_lines", "Help lines", key_display="F1", priority=True),
        Binding(
            "escape", "app.escape", "Stop (twice: leave now)", key_display="Esc", priority=True
        ),
        Binding("ctrl+q", "app.leave", "Leave", key_display="Ctrl+Q", priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
    ]
    AUTO_FOCUS = "Composer"

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._busy = False
        self._waiting = False
        """The message was read and the model behind the turn is not there yet."""
        self._told = False
        """The sentence about a missing or failed model stands in the transcript."""
        self._next: list[str] = []
        """What was sent while a reply was on its way."""
        self._message: Static | None = None
        self._view: ReplyView | None = None
        self._carded = False
        """The turn's whole reply is a card."""

    def compose(self) -> ComposeResult:
        """One widget per region."""
        with Vertical(id="page"):
            yield Transcript()
            yield StatusLine()
            yield Composer()
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        """Say once more what this is, and begin to look how far the model is."""
        self._look()
        self.set_interval(_LOOK_SECONDS, self._look)
        self.set_interval(_NOTICE_SECONDS, self._remind)
        await self._remind()

    async def _remind(self) -> None:
        await self.query_one(Transcript).add_note(self._desk.fixed.reminder)

    @property
    def busy(self) -> bool:
        """Whether a turn is on its way."""
        return self._busy

    def stop(self) -> bool:
        """Break the turn off; says whether there was one."""
        if not self._busy:
            return False
        self.workers.cancel_group(self, "turn")
        return True

    def action_page(self, direction: int) -> None:
        """Read back and forth without leaving the composer."""
        transcript = self.query_one(Transcript)
        if direction < 0:
            transcript.release_anchor()
            transcript.scroll_page_up(animate=False)
        else:
            transcript.scroll_page_down(animate=False)

    async def on_composer_sent(self, event: Composer.Sent) -> None:
        """Begin a turn; one that is on its way is broken off for it.

        Whoever writes on is never kept waiting by a reply: what they write may be what matters.
        """
        self.query_one(Composer).clear()
        if self._busy:
            self._next = [*self._next, event.text]
            self.stop()
        else:
            await self._begin(event.text, event.text)

    async def _begin(self, shown: str, text: str) -> None:
        self._busy = True
        self._message = await self.query_one(Transcript).add_message(shown)
        self._turn(text)

    async def _go_on(self, before: str) -> None:
        """Answer what was written meanwhile, with the message that got no word of reply yet."""
        written, self._next = "\n".join(self._next), []
        await self._begin(written, f"{before}\n{written}" if before else written)

    # --- a turn ---------------------------------------------------------------------------------

    @work(exclusive=True, group="turn", exit_on_error=False)
    async def _turn(self, text: str) -> None:
        self._view, self._carded, ended = None, False, False
        self._say("reading")
        try:
            make = partial(self._events, text)
            async with aclosing(self._desk.runner.stream(make)) as events:
                async for event in events:
                    await self._show(event)
            ended = True
        except TideError:
            await self._failed()
            ended = True
        finally:
            self._busy = self._waiting = False
            if self._next and self.is_attached:
                unanswered = "" if ended or self._carded or self._view is not None else text
                if self._view is not None and not ended:
                    self._view.stop()
                self.call_later(self._go_on, unanswered)
            elif not ended and self.is_attached:
                self._stopped(text)
            elif ended:
                self._listen()

    def _events(self, text: str, cancel: CancelToken) -> Iterator[Event]:
        """Run on the turn's thread: wait for the companion if need be, then let it answer."""
        talk = self._desk.talk(cancel)
        if talk is not None:
            yield from talk.stream(text, cancel)

    async def _show(self, event: Event) -> None:
        transcript = self.query_one(Transcript)
        if isinstance(event, Screened):
            self._waiting = True
            self._look()
        elif isinstance(event, Retrieved):
            self._say("thinking")
        elif isinstance(event, HelpOffered):
            self._carded = self._carded or event.whole_reply
            lines = self._desk.fixed.named(event.help_lines)
            await transcript.add_help(event.text, lines, urgent=event.risk >= Risk.HIGH)
        elif isinstance(event, Notice):
            await transcript.add_note(event.text)
        elif isinstance(event, Released):
            self._waiting = False
            (await self._reply()).append(event.text)
            self._say("writing")
        elif isinstance(event, Retracted):
            (await self._reply()).replace(event.replacement)
            self._say("writing" if event.replacement else "thinking")
        elif isinstance(event, Replied):
            await self._finish(event)

    async def _finish(self, event: Replied) -> None:
        if self._view is not None and self._view.words.strip():
            return
        if not self._carded:
            (await self._reply()).replace(event.reply.text)
        elif self._view is not None:
            # What stood was taken back and a card came in its place.
            await self._view.remove()

    async def _reply(self) -> ReplyView:
        if self._view is None:
            self._view = await self.query_one(Transcript).add_reply()
        return self._view

    async def _failed(self) -> None:
        lines = self._desk.fixed.own_lines
        await self.query_one(Transcript).add_help(words.TURN_FAILED, lines, urgent=False)

    def _stopped(self, text: str) -> None:
        """Mark what stands of the reply, or give a message back that nothing was said to."""
        composer = self.query_one(Composer)
        if self._view is not None:
            self._view.stop()
        elif not self._carded and not composer.text.strip() and self._message is not None:
            self._message.remove()
            composer.text = text
            composer.move_cursor(composer.document.end)
        self.query_one(StatusLine).hint("stopped")
        self._listen()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Answer a fault of the screen itself; a worker's error would pass in silence."""
        if event.worker.group == "turn" and event.state is WorkerState.ERROR:
            self.run_worker(self._failed(), exit_on_error=False)

    # --- the state in words -----------------------------------------------------------------------

    def _say(self, state: str) -> None:
        self.query_one(StatusLine).say(state)

    def _listen(self) -> None:
        self._say(words.state(self._desk.opening.progress) or "listening")

    def _look(self) -> None:
        """Follow the model's loading while nothing else is worth saying."""
        progress = self._desk.opening.progress
        if progress.sentence and not self._told:
            self._told = True
            self.run_worker(self.query_one(Transcript).add_note(progress.sentence))
        if not self._busy:
            self._listen()
        elif self._waiting and progress.stage in ("starting", "loading"):
            self._say(words.waiting(progress))
        elif self._waiting:
            self._say("thinking")
