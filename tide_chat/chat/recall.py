"""Brings up what a message reminds of: reference passages and a stance. Loaded once, when needed.

Loading takes a second (sentence encoder, index, the vectors of the stances), so the chat does it
behind the first paint. A turn that comes earlier waits for it; a failure is remembered and raised
again for each turn, which then goes on without passages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from tide_chat.chat.stance import Stance
from tide_chat.errors import RetrievalError, TideError
from tide_chat.retrieval.protocol import Retriever
from tide_chat.types import Passage

__all__ = ["LazyRecall", "Recall", "Recalled", "StanceFinder"]


@dataclass(frozen=True, slots=True)
class Recalled:
    """What one message brought up."""

    passages: tuple[Passage, ...] = ()
    stance: Stance | None = None


class StanceFinder(Protocol):
    """Finds how a message is heard; `Stances` is one."""

    def nearest(self, text: str) -> Stance | None:
        """Return how a message is heard, or none."""
        ...


class Recall:
    """Passages and stance from parts that are already loaded."""

    def __init__(
        self, retriever: Retriever | None, stances: StanceFinder | None, versions: dict[str, str]
    ) -> None:
        self._retriever = retriever
        self._stances = stances
        self.versions = versions

    def bring_up(self, text: str, exclude_personas: Collection[str] = ()) -> Recalled:
        """Return passages and stance for a message.

        Raises:
            TideError: the encoder or the index failed.
        """
        passages: tuple[Passage, ...] = ()
        if self._retriever is not None:
            passages = self._retriever.search(text, exclude_personas=exclude_personas)
        stance = self._stances.nearest(text) if self._stances is not None else None
        return Recalled(passages, stance)


class LazyRecall:
    """A `Recall` that is made on first use, by whichever thread comes first."""

    def __init__(self, opening: Callable[[], Recall]) -> None:
        self._opening = opening
        self._lock = threading.Lock()
        self._recall: Recall | None = None
        self._failure: str | None = None

    @property
    def versions(self) -> dict[str, str]:
        """Versions of what is loaded; empty before that."""
        return self._recall.versions if self._recall else {}

    def load(self) -> Recall:
        """Return the recall, loading it if nobody has.

        Raises:
            RetrievalError: loading failed, now or before.
        """
        with self._lock:
            if self._failure is not None:
                raise RetrievalError(self._failure)
            if self._recall is None:
                try:
                    self._recall = self._opening()
                except TideError as error:
                    self._failure = str(error)
                    raise RetrievalError(self._failure) from error
            return self._recall

    def bring_up(self, text: str, exclude_personas: Collection[str] = ()) -> Recalled:
        """Load if need be and bring up; see `Recall.bring_up`."""
        return self.load().bring_up(text, exclude_personas)
