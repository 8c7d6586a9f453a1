"""The help lines, one key away at any moment, with or without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Select, Static

from tide_chat.tui.countries import country_choices
from tide_chat.tui.help_card import line_content
from tide_chat.tui.words import CANNOT_CALL, NO_LINES

if TYPE_CHECKING:
    from tide_chat.safety.help_lines import HelpLines

__all__ = ["HelpScreen"]


class HelpScreen(Screen[None]):
    """Lines of one country; another can be looked at without changing any setting."""

    DEFAULT_CSS = """
    HelpScreen { align: center top; }
    HelpScreen #page { max-width: 80; height: 1fr; padding: 1 1 0 1; }
    HelpScreen #lead { height: auto; margin: 0 0 1 0; }
    HelpScreen Select { margin: 0 0 1 0; height: auto; }
    HelpScreen #lines { height: 1fr; scrollbar-size-vertical: 1; }
    HelpScreen #lines Static { height: auto; margin: 0 0 1 0; }
    """

    BINDINGS = [
        Binding("escape", "app.escape", "Back", key_display="Esc", priority=True),
        Binding("tab", "app.focus_next", "Other country", key_display="Tab"),
    ]
    AUTO_FOCUS = "#lines"

    def __init__(self, help_lines: HelpLines | None, country: str | None) -> None:
        super().__init__()
        self._help_lines = help_lines
        self._country = country

    def compose(self) -> ComposeResult:
        """What the program cannot do, the country, the lines."""
        with Vertical(id="page"):
            yield Static(CANNOT_CALL, id="lead", markup=False)
            if self._help_lines is not None:
                choices, chosen = country_choices(self._help_lines.countries, self._country)
                yield Select(choices, value=chosen, allow_blank=False, compact=True)
            yield VerticalScroll(id="lines")
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        """Show the lines of the person's country."""
        await self._show(self._country)

    async def on_select_changed(self, event: Select.Changed) -> None:
        """Show the lines of the country that was chosen."""
        await self._show(str(event.value))

    async def _show(self, country: str | None) -> None:
        box = self.query_one("#lines", VerticalScroll)
        if self._help_lines is None:
            shown = [Static(NO_LINES, markup=False)]
        else:
            lines = self._help_lines.for_country(country)
            shown = [Static(line_content(line, checked=True), markup=False) for line in lines]
        await box.remove_children()
        await box.mount_all(shown)
        box.scroll_home(animate=False)
