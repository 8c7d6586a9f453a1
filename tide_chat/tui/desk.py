"""What the screens share: the fixed texts, the companion as it opens, the thread of the turns."""

from __future__ import annotations

from tide_chat.settings import Settings
from tide_chat.tui.fixed import Fixed
from tide_chat.tui.opening import Opening
from tide_chat.tui.seam import OpensPartner, Talk
from tide_chat.tui.turns import TurnRunner
from tide_chat.types import CancelToken

__all__ = ["Desk"]


class Desk:
    """One conversation and everything it stands on; the same for the screen and the line mode."""

    def __init__(
        self, factory: OpensPartner, settings: Settings, fixed: Fixed, seed: int | None = None
    ) -> None:
        self.fixed = fixed
        self.opening = Opening(factory)
        self.runner = TurnRunner()
        self._language = settings.language
        self._seed = seed
        self._talk: Talk | None = None

    def talk(self, cancel: CancelToken) -> Talk | None:
        """Return the conversation, begun on first use; none when the wait was given up.

        Runs on the thread of the turns and waits there for the companion.

        Raises:
            TurnError: no companion could be opened.
        """
        if self._talk is None and (partner := self.opening.wait(cancel)) is not None:
            self._talk = partner.conversation(
                country=self.fixed.country, language=self._language, seed=self._seed
            )
        return self._talk

    def close(self) -> bool:
        """End the turns, free the companion and say whether both were done in time."""
        ended = self.runner.close()
        return ended and self.opening.close()
