"""The seam between the companion and whatever finds reference exchanges."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from tide_chat.types import Passage

__all__ = ["Retriever"]


class Retriever(Protocol):
    """Finds reference exchanges that resemble a message."""

    def search(
        self, text: str, *, count: int = 2, exclude_personas: Collection[str] = ()
    ) -> tuple[Passage, ...]:
        """Return up to `count` passages, nearest first; none when nothing comes near enough.

        Raises:
            RetrievalError: the index could not be searched.
        """
        ...
