"""What a conversation remembers of danger: an episode, from the first alarm to its end.

Risk rises at once. A denial does not lower it ("I'm fine, I was only venting"); an explanation
does (misunderstood, long ago, a line from a play), and so does time. One crisis card opens an
episode; what follows is shorter, a question comes back later, and a sudden calm is asked about
instead of welcomed. The rules are those of VERA-MH's immediate risk and of the program's label
rules (docs/safety-protocol.md); the texts are the policy's. Holds levels, counts and times: no
words of the person.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from tide_chat.chat.tiers import gravest, tier_of
from tide_chat.types import Category, Finding, Risk, Screening

__all__ = ["Course", "Episode", "Heard"]

Course: TypeAlias = Literal[
    "crisis", "repeat", "care", "explained", "denied", "reached", "calm", "follow_up", "open"
]
"""What answers a message: the whole crisis text; its shorter repetition; the gentle question; a
word on an explanation, a denial, somebody reached, or a sudden calm; the model, after the question
that comes back to an episode; or the model alone."""

_ASKS: frozenset[Category] = frozenset({
    "suicide",
    "self_harm",
    "harm_to_others",
    "abuse_ongoing",
    "child_safety",
    "sexual_violence",
    "substance",
    "psychosis",
    "medical_emergency",
})
"""Kinds of danger whose texts ask something that yes or no answers."""

FOLLOW_UP_TURNS = 3
"""Quiet turns after a card until its question comes back (SAFETY.md 4: follows up)."""

FADE_TURNS = 8
FADE_SECONDS = 3600.0
"""An episode's level falls by one after so many quiet turns, or so long a silence. Chosen by this
project: no source gives a figure, and either is slower than any denial."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What answers a message, and the message's screening as the episode understands it."""

    course: Course
    screening: Screening


@dataclass
class Episode:
    """The memory of one conversation. Used by one thread at a time.

    Args:
        clock: Seconds that only rise; a test hands in its own.
    """

    clock: Callable[[], float] = time.monotonic
    level: Risk = Risk.NONE
    """The level that stands, whatever the newest message says."""
    carded: Risk = Risk.NONE
    """The highest level a whole crisis text was shown for in this episode."""
    repeated: int = 0
    """Shorter texts since the card."""
    _category: Category | Literal["general"] = "general"
    _asked: set[str] = field(default_factory=set)
    _answered: set[str] = field(default_factory=set)
    _question: Course = "open"
    """What answered the message before: some of it asks a question."""
    _quiet: int = 0
    _followed_up: bool = False
    _last: float | None = None

    def hear(self, screening: Screening) -> Heard:
        """Take in a message's screening and return what answers the message."""
        self._fade()
        screening = self._answered_question(screening)
        course = self._course(screening)
        alarmed = course in {"crisis", "repeat", "care"}
        self._quiet = 0 if alarmed else self._quiet + 1
        self._question = course
        return Heard(course, screening)

    def misunderstood(self) -> None:
        """End the episode: the person says that the alarm was a misunderstanding."""
        self.level = self.carded = Risk.NONE
        self.repeated = self._quiet = 0
        self._category = "general"
        self._answered.clear()
        self._followed_up = False

    def _answered_question(self, screening: Screening) -> Screening:
        """Read a short yes or no by the question it answers."""
        category = self._category
        if category == "general" or category not in _ASKS:
            return screening
        if "affirmed" in screening.signs and self._question in {"care", "crisis"}:
            risk = max(screening.risk, Risk(min(self.level + 1, Risk.IMMINENT)), Risk.HIGH)
            found = Finding("episode.affirmed", category, risk, 0, 1)
            return replace(
                screening, risk=risk, categories=(category,), findings=(found,), score=risk / 5
            )
        if "affirmed" in screening.signs and self._question == "follow_up":
            return replace(screening, signs=(*screening.signs, "reached"))
        if "negated" in screening.signs and self._question == "care":
            self.level = Risk.NONE
        elif "negated" in screening.signs and self._question in {"crisis", "repeat"}:
            return replace(screening, signs=(*screening.signs, "denied"))
        return screening

    def _course(self, screening: Screening) -> Course:
        signs = screening.signs
        if self.level >= Risk.MODERATE and "explained" in signs and screening.risk < Risk.HIGH:
            self.misunderstood()
            return "explained"
        tier = tier_of(screening)
        if tier == "crisis":
            return self._alarm(screening)
        if self.level >= Risk.MODERATE and (said := self._said(screening)):
            return said
        if tier == "care":
            category, _ = gravest(screening)
            self.level = max(self.level, screening.risk)
            if category not in self._asked:
                self._asked.add(category)
                self._category = category
                return "care"
        if self.carded and not self._followed_up and self._quiet >= FOLLOW_UP_TURNS:
            self._followed_up = True
            return "follow_up"
        return "open"

    def _alarm(self, screening: Screening) -> Course:
        category, _ = gravest(screening)
        again = self.carded >= screening.risk and category == self._category
        self.level = max(self.level, screening.risk)
        self.carded = max(self.carded, screening.risk)
        self._category = category
        self._asked.add(category)
        self._answered.clear()
        self._followed_up = False
        self.repeated = self.repeated + 1 if again else 0
        return "repeat" if again else "crisis"

    def _said(self, screening: Screening) -> Course | None:
        """Return the answer to what a message says about the alarm, each once an alarm."""
        courses: tuple[Literal["calm", "reached", "denied"], ...] = ("calm", "reached", "denied")
        for course in courses:
            if course not in screening.signs or course in self._answered:
                continue
            if course == "calm" and self._category != "suicide":
                continue
            if course != "calm" and not self.carded:
                continue
            self._answered.add(course)
            return course
        return None

    def _fade(self) -> None:
        now = self.clock()
        idle = 0.0 if self._last is None else now - self._last
        self._last = now
        steps = int(idle // FADE_SECONDS)
        if self._quiet >= FADE_TURNS:
            steps, self._quiet = max(steps, 1), 0
        if not steps or not self.level:
            return
        self.level = Risk(max(Risk.NONE, self.level - steps))
        if self.level < Risk.MODERATE:
            self.misunderstood()
