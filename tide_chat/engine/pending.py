"""An engine that is still loading.

The chat opens at once and the model loads behind it, on a thread of its own. Whoever asks for a
reply waits here, and may stop waiting; whoever only shows fixed text never comes here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from tide_chat.engine.protocol import Engine
from tide_chat.errors import EngineError, TideError
from tide_chat.types import CancelToken, EngineEvent, Finished, Message, Sampling

__all__ = ["PendingEngine"]

_GLANCE = 0.05
"""Seconds between two looks at whether waiting was cancelled."""

Open = Callable[[CancelToken, Callable[[float], None]], Engine]


class PendingEngine:
    """Stands in for an engine until `opening` has made it.

    Args:
        opening: Makes the engine; is given a token that breaks the load off and a callback for the
            share loaded, 0 to 1.
        name: Id of the model, known before it is loaded.
        context_tokens: Length of the context that will be opened.
        prefix: Messages every prompt begins with; evaluated right after loading, so that the
            first reply need not wait for them.
    """

    def __init__(
        self,
        opening: Open,
        *,
        name: str,
        context_tokens: int,
        prefix: Sequence[Message] = (),
    ) -> None:
        self._opening = opening
        self._name = name
        self._context_tokens = context_tokens
        self._prefix = tuple(prefix)
        self._engine: Engine | None = None
        self._failure: str | None = None
        self._progress = 0.0
        self._stop = CancelToken()
        self._hurry = CancelToken()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._close_lock = threading.Lock()

    @property
    def name(self) -> str:
        """Id of the model."""
        return self._name

    @property
    def context_tokens(self) -> int:
        """Length of the context."""
        return self._engine.context_tokens if self._engine else self._context_tokens

    @property
    def ready(self) -> bool:
        """Whether the model can answer."""
        return self._done.is_set() and self._engine is not None

    @property
    def failure(self) -> str | None:
        """Why the model could not be loaded, in one sentence, or none."""
        return self._failure

    @property
    def progress(self) -> float:
        """Share of the weights loaded, 0 to 1."""
        return 1.0 if self._done.is_set() else self._progress

    def start(self) -> None:
        """Begin to load; calling it again does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._load, name="tide-load", daemon=True)
            self._thread.start()

    def _load(self) -> None:
        def note(share: float) -> None:
            self._progress = share

        try:
            engine = self._opening(self._stop, note)
            self._engine = engine
            if self._prefix and not self._hurry.cancelled:
                # Stops at once when somebody is waiting: their own prompt evaluates the rest.
                for _ in engine.stream(self._prefix, Sampling(max_tokens=1), self._hurry):
                    pass
        except TideError as error:
            self._failure = str(error)
        except Exception as error:
            # The edge of the thread: whoever waits is told; a traceback would tear the screen.
            self._failure = f"The model could not be loaded ({type(error).__name__})."
        finally:
            self._done.set()

    def _wait(self, cancel: CancelToken | None) -> Engine | None:
        """Return the engine, or none if waiting was cancelled."""
        self.start()
        self._hurry.cancel()
        while not self._done.wait(_GLANCE):
            if cancel is not None and cancel.cancelled:
                return None
        if self._engine is None:
            raise EngineError(self._failure or "The model could not be loaded.")
        return self._engine

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Wait for the model and count; see `Engine.count_tokens`."""
        engine = self._wait(None)
        assert engine is not None
        return engine.count_tokens(messages)

    def wait(self, cancel: CancelToken | None = None) -> bool:
        """Wait until the model can answer; False if waiting was cancelled.

        Raises:
            EngineError: the model could not be loaded.
        """
        return self._wait(cancel) is not None

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, cancel: CancelToken | None = None
    ) -> Iterator[EngineEvent]:
        """Wait for the model and answer; see `Engine.stream`."""
        engine = self._wait(cancel)
        if engine is None:
            yield Finished("cancelled")
            return
        yield from engine.stream(messages, sampling, cancel)

    def close(self) -> None:
        """Break the load off and free the model."""
        self._stop.cancel()
        self._hurry.cancel()
        with self._close_lock:
            if self._thread is not None:
                self._thread.join()
            if self._engine is not None:
                self._engine.close()
