"""One reply as it grows: plain prose, never markup, so that no word can act on the terminal."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tide_chat.tui.words import STOPPED, clean

__all__ = ["ReplyView"]


class ReplyView(Static):
    """The companion's words; text is appended, or replaced as a whole when it is taken back."""

    DEFAULT_CSS = """
    ReplyView { margin: 0 0 1 0; padding: 0 1; height: auto; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.words = ""
        """What stands, without the label."""
        self.stopped = False

    def on_mount(self) -> None:
        """Show the label at once."""
        self._draw()

    def append(self, text: str) -> None:
        """Add words that passed the guard."""
        self.words += clean(text)
        self._draw()

    def replace(self, text: str) -> None:
        """Show other words in place of those that stand."""
        self.words = clean(text)
        self._draw()

    def stop(self) -> None:
        """Mark the reply as broken off by the person."""
        self.stopped = True
        self._draw()

    def _draw(self) -> None:
        parts: list[Content | str | tuple[str, str]] = [("Companion", "$secondary bold")]
        if self.words.strip():
            parts.append("\n" + self.words.strip())
        if self.stopped:
            parts.append(("\n" + STOPPED, "$text-muted italic"))
        self.update(Content.assemble(*parts))
