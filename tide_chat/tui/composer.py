"""Where the person writes. Enter sends; Ctrl+J, Shift+Enter and Alt+Enter begin a new line."""

from __future__ import annotations

from typing import Any, cast

from textual import _ansi_sequences, events
from textual.binding import Binding
from textual.keys import Keys
from textual.message import Message
from textual.widgets import TextArea

from tide_chat.tui.words import PLACEHOLDER

__all__ = ["Composer"]

# Textual 8.2.8 (private; pinned by a test) reads Escape-Return, which is what Alt+Enter sends in
# most terminals, as a circumflex and Enter: the message would be sent with a stray character.
_NEW_LINE = ("\x1b\r", "\x1b\n")
cast(dict[str, Any], _ansi_sequences.ANSI_SEQUENCES_KEYS).update(
    dict.fromkeys(_NEW_LINE, (Keys.ControlJ,))
)


class Composer(TextArea):
    """A text area that grows to eight rows. Pasted text is kept whole and never sent by itself."""

    DEFAULT_CSS = """
    Composer {
        height: auto; min-height: 3; max-height: 10;
        border: round $primary 50%; background: $background; padding: 0 1;
        scrollbar-size-vertical: 1;
    }
    Composer:focus { border: round $primary; }
    """

    BINDINGS = [Binding("ctrl+j,shift+enter,alt+enter", "new_line", "New line", show=False)]

    class Sent(Message):
        """The person asked to send what stands in the composer."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(placeholder=PLACEHOLDER, highlight_cursor_line=False, compact=False)
        # A blinking cursor is the one thing on the screen that would move by itself.
        self.cursor_blink = False

    def on_key(self, event: events.Key) -> None:
        """Send on Enter; every other key goes on to the text area."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            if self.text.strip():
                self.post_message(self.Sent(self.text))

    def action_new_line(self) -> None:
        """Break the line where the cursor stands."""
        result = self.replace("\n", *self.selection, maintain_selection_offset=False)
        self.move_cursor(result.end_location)
