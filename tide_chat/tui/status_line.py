"""One line that says in words what is happening; no spinner, no colour code."""

from __future__ import annotations

from textual.timer import Timer
from textual.widgets import Static

__all__ = ["StatusLine"]

_HINT_SECONDS = 6.0


class StatusLine(Static):
    """Shows the state, or for a few seconds a hint in its place."""

    DEFAULT_CSS = """
    StatusLine { height: auto; max-height: 2; padding: 0 1; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._state = ""
        self._timer: Timer | None = None

    @property
    def state(self) -> str:
        """The words that stand when no hint covers them."""
        return self._state

    def say(self, state: str) -> None:
        """Set the state; a hint that is still showing stays until its time is up."""
        if state == self._state:
            return
        self._state = state
        if self._timer is None:
            self.update(state)

    def hint(self, text: str) -> None:
        """Show a sentence for a few seconds."""
        if self._timer is not None:
            self._timer.stop()
        self.update(text)
        self._timer = self.set_timer(_HINT_SECONDS, self._restore)

    def _restore(self) -> None:
        self._timer = None
        self.update(self._state)
