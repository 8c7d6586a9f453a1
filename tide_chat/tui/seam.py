"""What the interface needs of a companion: the seam that real and scripted companions fit.

Nothing here imports a model, an encoder or a terminal library.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from tide_chat.types import CancelToken, Event

__all__ = ["OpensPartner", "Partner", "Talk"]


class Talk(Protocol):
    """One conversation."""

    def stream(self, text: str, cancel: CancelToken | None = None) -> Iterator[Event]:
        """Yield the typed events of one turn, a `Replied` last; blocks between them."""
        ...


class Partner(Protocol):
    """A companion as the interface sees it.

    Its engine may have `ready`, `progress` and `failure`; an engine without them is ready.
    """

    @property
    def engine(self) -> object | None:
        """The language model, or none where no model file is there."""
        ...

    def conversation(
        self,
        *,
        country: str | None,
        language: Literal["en", "es"] = "en",
        seed: int | None = None,
    ) -> Talk:
        """Begin a conversation whose help lines are those of a country."""
        ...

    def warm(self) -> None:
        """Load what the first turn would otherwise wait for; blocks."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class OpensPartner(Protocol):
    """Opens a companion; called once, on a thread of its own, after the first paint."""

    def __call__(self, *, without_model_ok: bool) -> Partner:
        """Open it.

        Raises:
            UserError: a model file is missing or damaged and `without_model_ok` is false.
        """
        ...
