"""The conversation on the screen: what was said, in order, and nothing that outlives it."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tide_chat.safety.help_lines import HelpLine
from tide_chat.tui.help_card import HelpCard
from tide_chat.tui.reply_view import ReplyView
from tide_chat.tui.words import clean

__all__ = ["Transcript"]


class Transcript(VerticalScroll, can_focus=False):
    """Stays at the bottom while the person is there, and stands still while they read back."""

    DEFAULT_CSS = """
    Transcript { height: 1fr; padding: 1 0 0 0; scrollbar-size-vertical: 1; }
    Transcript .you { margin: 0 0 1 0; padding: 0 1; height: auto; }
    Transcript .note { margin: 0 0 1 0; padding: 0 1; height: auto; color: $text-muted; }
    """

    def on_mount(self) -> None:
        """Hold on to the bottom until somebody scrolls up."""
        self.anchor()

    async def add_note(self, text: str) -> None:
        """Add a quiet line of the program itself."""
        await self.mount(Static(text, markup=False, classes="note"))

    async def add_message(self, text: str) -> Static:
        """Add what the person wrote, exactly and without any markup."""
        words = Content.assemble(("You", "$primary bold"), "\n" + clean(text))
        message = Static(words, markup=False, classes="you")
        await self.mount(message)
        self.anchor()
        return message

    async def add_reply(self) -> ReplyView:
        """Add an empty reply that will grow."""
        view = ReplyView()
        await self.mount(view)
        return view

    async def add_help(self, text: str, lines: Iterable[HelpLine], *, urgent: bool) -> HelpCard:
        """Add a card of help lines; it stays. A card taller than the screen shows its top."""
        card = HelpCard(text, tuple(lines), urgent=urgent)
        await self.mount(card)
        self.call_after_refresh(self._from_the_top, card)
        return card

    def _from_the_top(self, card: HelpCard) -> None:
        if card.outer_size.height > self.size.height:
            self.release_anchor()
            self.scroll_to_widget(card, top=True, animate=False)
