"""Opens the companion behind the first paint and says how far it is.

Nothing here knows a widget; the screen and the line mode both ask the same object.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tide_chat.errors import TideError, TurnError, UserError
from tide_chat.tui.seam import OpensPartner, Partner
from tide_chat.types import CancelToken

__all__ = ["Opening", "Progress", "Stage"]

Stage: TypeAlias = Literal["starting", "loading", "ready", "no_model", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the companion is."""

    stage: Stage
    share: float = 0.0
    """Of the model's loading, 0 to 1."""
    sentence: str = ""
    """What is missing or failed and what mends it, for `no_model` and `failed`."""


class Opening:
    """One companion, opened once on a daemon thread of its own."""

    def __init__(self, factory: OpensPartner) -> None:
        self._factory = factory
        self._opened = threading.Event()
        self._warmed = threading.Event()
        self._thread: threading.Thread | None = None
        self._partner: Partner | None = None
        self._missing = ""
        self._failure = ""

    def start(self) -> None:
        """Begin; calling it again changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._open, name="tide-opening", daemon=True)
            self._thread.start()

    @property
    def progress(self) -> Progress:
        """How far it is now; never blocks."""
        if not self._opened.is_set():
            return Progress("starting")
        if self._partner is None:
            return Progress("failed", sentence=self._failure)
        engine = self._partner.engine
        if engine is None:
            return Progress("no_model", sentence=self._missing)
        if failure := getattr(engine, "failure", None):
            return Progress("failed", sentence=str(failure))
        if not getattr(engine, "ready", True):
            return Progress("loading", share=float(getattr(engine, "progress", 0.0)))
        return Progress("ready")

    def wait(self, cancel: CancelToken) -> Partner | None:
        """Return the companion once it is open, or none when the wait was given up.

        The model behind it may still be loading: a crisis reply does not need it.

        Raises:
            TurnError: no companion could be opened.
        """
        while not self._opened.wait(0.02):
            if cancel.cancelled:
                return None
        if self._partner is None:
            raise TurnError(self._failure)
        return self._partner

    def close(self, timeout: float = 0.5) -> bool:
        """Free the companion and say whether that was done in time."""
        if self._thread is None:
            return True
        self._thread.join(timeout / 2)
        if self._thread.is_alive():
            return False
        if self._partner is None:
            return True
        closing = threading.Thread(target=self._partner.close, name="tide-closing", daemon=True)
        closing.start()
        closing.join(timeout / 2)
        return not closing.is_alive()

    def _open(self) -> None:
        try:
            self._partner = self._with_or_without_model()
        except TideError as known:
            self._failure = str(known)
        except Exception as unforeseen:
            # The edge of the thread: a traceback on the terminal would tear the screen.
            self._failure = f"The companion could not start ({type(unforeseen).__name__})."
        finally:
            self._opened.set()
        if self._partner is not None:
            # Whatever is missing here is met again, and answered for, by the turn that needs it.
            with contextlib.suppress(Exception):
                self._partner.warm()
        self._warmed.set()

    def _with_or_without_model(self) -> Partner:
        try:
            return self._factory(without_model_ok=False)
        except UserError as missing:
            self._missing = str(missing)
        except Exception as unforeseen:
            # A fault around the model must not take the crisis texts with it.
            self._missing = f"The model could not be opened ({type(unforeseen).__name__})."
        return self._factory(without_model_ok=True)
