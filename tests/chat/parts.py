"""Small stand-ins for the parts of a turn."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tide_chat.chat.recall import Recalled
from tide_chat.types import (
    Category,
    Finding,
    GuardFinding,
    GuardVerdict,
    Passage,
    Risk,
    Screening,
)


@dataclass
class FakeScreen:
    """Gives the risk a word of the message stands for."""

    policy: str = "fake-screen"
    words: dict[str, tuple[Risk, Category]] = field(
        default_factory=lambda: {
            "IMMINENT": (Risk.IMMINENT, "suicide"),
            "HIGH": (Risk.HIGH, "suicide"),
            "MODERATE": (Risk.MODERATE, "suicide"),
            "PANIC": (Risk.MODERATE, "panic"),
            "VOICES": (Risk.MODERATE, "psychosis"),
            "ABUSE": (Risk.HIGH, "abuse_ongoing"),
        }
    )
    raises: Exception | None = None

    def screen(self, text: str) -> Screening:
        if self.raises:
            raise self.raises
        for word, (risk, category) in self.words.items():
            if word in text:
                finding = Finding("fake", category, risk, 0, 1)
                return Screening(risk, (category,), (finding,), 0.9, self.policy)
        return Screening(Risk.NONE, policy=self.policy)


@dataclass
class FakeGuard:
    """Withholds a reply as soon as a sentence of it holds BAD."""

    policy: str = "fake-guard"
    raises: Exception | None = None

    def check(self, text: str, user: str = "") -> GuardVerdict:
        bad = "BAD" in text
        found = (GuardFinding("fake", "blame", text.index("BAD"), text.index("BAD") + 3),)
        return GuardVerdict(not bad, found if bad else ())

    def watch(self, user: str = "") -> FakeStream:
        return FakeStream(self.raises)


class FakeStream:
    def __init__(self, raises: Exception | None) -> None:
        self._raises = raises
        self.findings: tuple[GuardFinding, ...] = ()

    @property
    def blocked(self) -> bool:
        return bool(self.findings)

    def feed(self, piece: str) -> str:
        if self._raises:
            raise self._raises
        if "BAD" in piece:
            self.findings = (GuardFinding("fake", "blame", 0, 3),)
        return "" if self.blocked else piece

    def finish(self) -> str:
        return ""


@dataclass
class FakeRecall:
    """Brings up what it was given."""

    recalled: Recalled = field(
        default_factory=lambda: Recalled((Passage("001-turn_1", "001", "hi", "There.", 0.8),), None)
    )
    raises: Exception | None = None
    excluded: list[Collection[str]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=lambda: {"encoder": "fake"})

    def bring_up(self, text: str, exclude_personas: Collection[str] = ()) -> Recalled:
        self.excluded.append(exclude_personas)
        if self.raises:
            raise self.raises
        return self.recalled


Patch = Callable[[], None]
