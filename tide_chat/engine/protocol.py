"""The seam between the companion and whatever writes the words.

An engine turns messages into a stream of text. It knows nothing of safety, retrieval or personas,
keeps no conversation beyond its cache, and is used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from tide_chat.types import CancelToken, EngineEvent, Message, Sampling

__all__ = ["Engine"]


class Engine(Protocol):
    """What the companion needs of a language model."""

    @property
    def name(self) -> str:
        """Id of the model, as the catalogue spells it, for records."""
        ...

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and reply may have together."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length of the prompt these messages make, in tokens."""
        ...

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, cancel: CancelToken | None = None
    ) -> Iterator[EngineEvent]:
        """Yield the reply as `Token`s and end with exactly one `Finished`.

        Messages that end with an `assistant` one have begun the reply: the stream goes on from
        there and does not repeat it.

        A thrown `cancel` ends the stream with `Finished("cancelled")`, during prompt evaluation as
        well as between tokens, and leaves the engine usable. Closing the iterator does the same.

        Raises:
            EngineBusy: another stream of this engine is still open.
            ContextOverflow: the prompt does not fit.
            EngineError: the model failed.
        """
        ...

    def close(self) -> None:
        """Free the model; calling it twice is harmless."""
        ...
