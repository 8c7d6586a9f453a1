"""What one turn of a conversation gathers on its way, and how a part of it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tide_chat.chat.recall import Recalled
from tide_chat.types import FinishReason, GuardFinding, Risk, Screening, Usage

__all__ = ["Attempt", "StageFailed", "Turn", "stage"]


@dataclass
class Turn:
    """What is being gathered for the record of one turn."""

    seed: int
    started: float = field(default_factory=time.perf_counter)
    screening: Screening = field(default_factory=lambda: Screening(Risk.NONE))
    recalled: Recalled = field(default_factory=Recalled)
    usage: Usage = field(default_factory=Usage)
    timings: dict[str, float] = field(default_factory=dict)
    guard: list[GuardFinding] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    finish: FinishReason | None = None
    dropped: int = 0
    help_lines: tuple[str, ...] = ()

    def mark(self, stage: str) -> None:
        """Note the time since the turn began, once a stage."""
        self.timings.setdefault(stage, round((time.perf_counter() - self.started) * 1000, 3))


@dataclass
class Attempt:
    """One try of the model at a reply."""

    shown: str = ""
    blocked: bool = False


class StageFailed(Exception):
    """A named part of the turn failed."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Turn whatever a part of the turn raises into `StageFailed`: the edge of the turn.

    The cause is not chained: its traceback could hold what the person typed.
    """
    try:
        yield
    except StageFailed:
        raise
    except Exception:
        raise StageFailed(name) from None
