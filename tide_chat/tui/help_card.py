"""A card of help lines inside the conversation: set apart by words and a border, and it stays."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tide_chat.safety.help_lines import HelpLine
from tide_chat.tui.words import clean

__all__ = ["HelpCard", "line_content"]


def line_content(line: HelpLine, *, checked: bool = False) -> Content:
    """Lay one help line out: who, then each number on a row of its own so that it can be copied."""
    parts: list[Content | str | tuple[str, str]] = [(line.name, "bold")]
    small = [line.audience] if line.audience else []
    if line.call:
        after = (line.then or {}).get("en", "")
        parts += ["\n  Call   ", (line.call, "$accent bold"), f" {after}".rstrip()]
    if line.text:
        to = line.text.shown or line.text.to
        parts += ["\n  Text   ", (to, "$accent bold")]
        if line.text.body:
            parts.append(f" with the word {line.text.body}")
    if line.web:
        parts += ["\n  Web    ", line.web.removeprefix("https://")]
    small += ["at any hour" if line.hours == "24/7" else "online"]
    if checked:
        small.append(f"checked {line.checked.isoformat()}")
    parts.append(("\n  " + "; ".join(small), "$text-muted"))
    return Content.assemble(*parts)


def _row(line: HelpLine) -> Content:
    """Name one line on one row, the way to reach it first."""
    parts: list[Content | str | tuple[str, str]] = []
    to = (line.text.shown or line.text.to) if line.text else None
    if line.call:
        both = to is not None and line.text is not None and line.text.to == line.dial
        parts += ["Call or text  " if both else "Call  ", (line.call, "$accent bold")]
        if after := (line.then or {}).get("en"):
            parts.append(f" {after}")
        to = None if both else to
    if line.text and to:
        parts += [", text  " if parts else "Text  ", (to, "$accent bold")]
        if line.text.body:
            parts.append(f" with the word {line.text.body}")
    if not parts:
        parts.append((line.web or "").removeprefix("https://"))
    parts.append((f"   {line.name}", "$text-muted"))
    return Content.assemble(*parts)


class HelpCard(Vertical):
    """The lines and the policy's fixed text; the numbers can be selected and copied."""

    DEFAULT_CSS = """
    HelpCard {
        height: auto; margin: 0 0 1 0; padding: 0 1;
        border: heavy $accent; border-title-color: $accent; border-title-style: bold;
        background: $surface;
    }
    HelpCard Static { height: auto; }
    HelpCard .second { margin: 1 0 0 0; }
    """

    def __init__(self, text: str, lines: tuple[HelpLine, ...], *, urgent: bool) -> None:
        super().__init__(classes="urgent" if urgent else "")
        self._urgent = urgent
        self.words = clean(text).strip()
        self.lines = lines
        self.border_title = "Help from people"

    def compose(self) -> ComposeResult:
        """The numbers, each on a row; above the text where it is urgent, else below."""
        rows = Static(Content("\n").join(_row(line) for line in self.lines), markup=False)
        text = Static(self.words, markup=False)
        shown = [part for part, has in ((rows, self.lines), (text, self.words)) if has]
        for place, part in enumerate(shown if self._urgent else reversed(shown)):
            part.set_class(place > 0, "second")
            yield part
