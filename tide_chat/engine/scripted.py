"""An engine that says what it was told to say: for tests, demonstrations and host programs.

Ships with the package so that whoever embeds the companion can test against it without a model
file. It keeps a history of what it was asked.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from tide_chat.errors import EngineBusy, EngineError
from tide_chat.types import CancelToken, EngineEvent, Finished, Message, Sampling, Token, Usage

__all__ = ["ScriptedEngine"]

_PIECE = re.compile(r"\s*\S+|\s+")


class ScriptedEngine:
    """Replays replies word by word.

    An enqueued exception is raised in place of a reply. When the script runs dry the engine raises
    `EngineError` saying so, unless a `default` reply was given.
    """

    def __init__(
        self,
        replies: Iterable[str | Exception] = (),
        *,
        default: str | None = None,
        context_tokens: int = 4096,
    ) -> None:
        self._script: deque[str | Exception] = deque(replies)
        self._default = default
        self._context_tokens = context_tokens
        self._open = False
        self._seen: list[str] = []
        self.history: list[tuple[Message, ...]] = []
        """The messages of every call, oldest first."""
        self.samplings: list[Sampling] = []
        """The sampling of every call, oldest first."""

    @property
    def name(self) -> str:
        """Always `scripted`."""
        return "scripted"

    @property
    def context_tokens(self) -> int:
        """As given at construction."""
        return self._context_tokens

    def enqueue(self, *replies: str | Exception) -> None:
        """Add replies to the end of the script."""
        self._script.extend(replies)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count one token a word and four a message."""
        return sum(4 + len(message.content.split()) for message in messages)

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, cancel: CancelToken | None = None
    ) -> Iterator[EngineEvent]:
        """Yield the next scripted reply; see `Engine.stream`.

        `reused_tokens` counts whole messages shared with the call before, as a cache would.
        """
        if self._open:
            raise EngineBusy("The scripted engine is already answering.")
        self.history.append(tuple(messages))
        self.samplings.append(sampling)
        if self._script:
            reply = self._script.popleft()
        elif self._default is not None:
            reply = self._default
        else:
            raise EngineError("The script of the engine has run dry; enqueue another reply.")
        if isinstance(reply, Exception):
            raise reply
        return self._replay(reply, messages, sampling, cancel)

    def _replay(
        self,
        reply: str,
        messages: Sequence[Message],
        sampling: Sampling,
        cancel: CancelToken | None,
    ) -> Iterator[EngineEvent]:
        self._open = True
        started = time.perf_counter()
        total = self.count_tokens(messages)
        reused = self._reused(messages)
        pieces = _PIECE.findall(reply)
        sent = 0
        reason: Finished | None = None

        def finished(why: str) -> Finished:
            usage = Usage(
                prompt_tokens=total,
                reused_tokens=reused,
                completion_tokens=sent,
                completion_ms=(time.perf_counter() - started) * 1000,
            )
            if why == "cancelled":
                return Finished("cancelled", usage)
            return Finished("length" if sent < len(pieces) else "stop", usage)

        try:
            for piece in pieces[: sampling.max_tokens]:
                if cancel is not None and cancel.cancelled:
                    reason = finished("cancelled")
                    break
                sent += 1
                yield Token(piece)
            if reason is None:
                stopped = cancel is not None and cancel.cancelled
                reason = finished("cancelled" if stopped else "stop")
            yield reason
        finally:
            self._open = False
            self._seen = [*(f"{m.role}:{m.content}" for m in messages)]

    def _reused(self, messages: Sequence[Message]) -> int:
        shared = 0
        for seen, message in zip(self._seen, messages, strict=False):
            if seen != f"{message.role}:{message.content}":
                break
            shared += 1
        return self.count_tokens(messages[:shared])

    def close(self) -> None:
        """Nothing to free."""
