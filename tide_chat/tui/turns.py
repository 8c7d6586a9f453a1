"""Runs one blocking iterator at a time on one private thread.

The thread knows no widgets: it hands parcels to whoever asked, and stops when its token is
thrown. A daemon thread of our own rather than a pool, because the interpreter joins pool threads
on exit and leaving must never wait for a reply. Used by the screen (`stream`) and by the line mode
(`iterate`).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from tide_chat.errors import TideError, TurnError
from tide_chat.types import CancelToken

__all__ = ["TurnRunner"]

T = TypeVar("T")

Make: TypeAlias = Callable[[CancelToken], Iterator[T]]


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _Ended:
    error: TideError | None = None


_Parcel: TypeAlias = _Item[T] | _Ended


class TurnRunner:
    """Owns the thread on which turns run, one after the other, never two at once."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._tokens: list[CancelToken] = []
        self._closed = False

    async def stream(self, make: Make[T]) -> AsyncGenerator[T, None]:
        """Yield what `make` yields; leaving the iterator throws its token.

        Wrap it in `contextlib.aclosing`: otherwise the token waits for the garbage collector.

        Raises:
            TideError: what the turn raised; anything unforeseen comes as a `TurnError`.
        """
        loop = asyncio.get_running_loop()
        parcels: asyncio.Queue[_Parcel[T]] = asyncio.Queue()

        def deliver(parcel: _Parcel[T]) -> None:
            # RuntimeError: the loop has closed and nobody listens any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(parcels.put_nowait, parcel)

        cancel = self._start(make, deliver)
        try:
            while isinstance(parcel := await parcels.get(), _Item):
                yield parcel.value
            if parcel.error is not None:
                raise parcel.error
        finally:
            cancel.cancel()

    def iterate(self, make: Make[T], cancel: CancelToken) -> Iterator[T]:
        """Do the same for a caller without an event loop, who keeps the token himself.

        The caller's thread waits in short steps, so that Ctrl-C reaches it between them.
        """
        parcels: queue.SimpleQueue[_Parcel[T]] = queue.SimpleQueue()
        self._start(make, parcels.put, cancel)
        while True:
            try:
                parcel = parcels.get(timeout=0.1)
            except queue.Empty:
                continue
            if isinstance(parcel, _Ended):
                if parcel.error is not None:
                    raise parcel.error
                return
            yield parcel.value

    def close(self, timeout: float = 0.7) -> bool:
        """Throw every token, end the thread and say whether it ended in time."""
        self._closed = True
        for token in self._tokens:
            token.cancel()
        self._jobs.put(None)
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _start(
        self,
        make: Make[T],
        deliver: Callable[[_Parcel[T]], None],
        cancel: CancelToken | None = None,
    ) -> CancelToken:
        token = cancel or CancelToken()
        if self._closed:
            deliver(_Ended())
            return token
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="tide-turn", daemon=True)
            self._thread.start()
        self._tokens = [*(t for t in self._tokens if not t.cancelled), token]
        self._jobs.put(lambda: _pump(make, deliver, token))
        return token

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _pump(make: Make[T], deliver: Callable[[_Parcel[T]], None], cancel: CancelToken) -> None:
    error: TideError | None = None
    try:
        if not cancel.cancelled:
            for item in make(cancel):
                deliver(_Item(item))
    except TideError as known:
        error = known.with_traceback(None)
    except Exception as unforeseen:
        # The edge of the thread. Only the kind goes on: text and traceback may hold words.
        error = TurnError(f"The turn failed ({type(unforeseen).__name__}).")
    finally:
        deliver(_Ended(error))
