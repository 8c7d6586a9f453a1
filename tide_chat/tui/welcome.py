"""The first screen: what this is and is not, the country for the help lines, one key to go on."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Button, Footer, Label, Select, Static

from tide_chat.tui.countries import country_choices
from tide_chat.tui.fixed import Fixed

__all__ = ["WelcomeScreen"]


class WelcomeScreen(Screen[str | None]):
    """Returns the country that was chosen once the disclosure is accepted."""

    DEFAULT_CSS = """
    WelcomeScreen { align: center top; }
    WelcomeScreen #page { max-width: 80; height: 1fr; padding: 1 1 0 1; }
    WelcomeScreen #disclosure { height: 1fr; scrollbar-size-vertical: 1; margin: 0 0 1 0; }
    WelcomeScreen #disclosure Static { height: auto; }
    WelcomeScreen Select { height: auto; margin: 0 0 1 0; }
    WelcomeScreen Button { width: 100%; height: 3; }
    """

    BINDINGS = [
        Binding("f1", "app.help_lines", "Help lines", key_display="F1", priority=True),
        Binding("tab", "app.focus_next", "Country", key_display="Tab"),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-8)", show=False),
        Binding("pagedown", "scroll(8)", show=False),
        Binding("ctrl+q", "app.leave", "Leave", key_display="Ctrl+Q", priority=True),
    ]
    AUTO_FOCUS = "#accept"

    def __init__(self, fixed: Fixed) -> None:
        super().__init__()
        self._fixed = fixed

    def compose(self) -> ComposeResult:
        """The disclosure, the country, the button that has the focus from the start."""
        with Vertical(id="page"):
            with VerticalScroll(id="disclosure", can_focus=False):
                text = f"{self._fixed.disclosure}\n\n{self._fixed.notice}".strip()
                yield Static(text, markup=False)
            if (lines := self._fixed.help_lines) is not None:
                choices, chosen = country_choices(lines.countries, self._fixed.country)
                yield Label("Country for the help lines:")
                yield Select(choices, value=chosen, allow_blank=False, compact=True)
            yield Button("I have read this: go on (Enter)", id="accept", flat=True)
        yield Footer(show_command_palette=False)

    def on_button_pressed(self) -> None:
        """Accept, with the country that stands."""
        chosen = self._fixed.country
        for select in self.query(Select):
            chosen = str(select.value)
        self.dismiss(chosen)

    def action_scroll(self, rows: int) -> None:
        """Move the text without leaving the button."""
        box = self.query_one("#disclosure", VerticalScroll)
        box.scroll_relative(y=rows, animate=False)
