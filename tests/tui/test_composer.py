"""Keys that begin a new line, as real terminals send them."""

from __future__ import annotations

import pytest
from textual._xterm_parser import XTermParser

import tide_chat.tui.composer  # noqa: F401  teaches the parser the sequences


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("\r", "enter"),
        ("\n", "ctrl+j"),
        ("\x1b\r", "ctrl+j"),
        ("\x1b[13;2u", "shift+enter"),
        ("\x1b[13;3u", "alt+enter"),
    ],
    ids=[
        "Enter",
        "Ctrl+J",
        "Alt+Enter",
        "Shift kitty",
        "Alt kitty",
    ],
)
def test_what_the_terminal_sends_becomes_the_key_we_bind(sent: str, key: str) -> None:
    """Pinned on Textual 8.2.8: the first form of Alt+Enter would otherwise send the message."""
    assert [event.key for event in XTermParser().feed(sent)] == [key]
