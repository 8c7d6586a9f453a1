"""The trained half of the screen: a small fine-tuned encoder that reads what wording rules miss.

It sees the same normalised text as the rules, so that disguises do not change what it sees. A
message is read whole and, where it is long, sentence by sentence with what stands before, so that
one bad sentence among many counts in full. docs/model-card-screen.md says how it was made, on what
it was measured, and where it fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, get_args

from tide_chat.safety.normalise import Normalised
from tide_chat.safety.reading import readable
from tide_chat.types import Category, Finding, Risk, Subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SEPARATOR", "Part", "Reader", "RiskModel", "Verdict", "passages"]

SEPARATOR = " [SEP] "
"""Between turns; the tokenizer's own mark for where one text ends."""

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_LONG = 240
"""Characters from which a turn is also read sentence by sentence."""

_BEFORE = 2
"""Sentences before the one that is judged that are read with it."""

_RUN = 200
"""Characters after which a sentence without an end is cut at a space."""

_RECENT = 4000
"""Characters of earlier turns that are read before a turn; the reader keeps fewer still."""

_MOST = 400
"""Passages of a message that are read at most: the first half and the last half of them. A message
of two megabytes would take minutes; the rules read all of it."""


class Reader(Protocol):
    """What reads texts; `tide_chat.encoder.reader.OnnxReader` in the program."""

    name: str
    card: dict[str, Any]

    def read(self, texts: Sequence[str]) -> NDArray[Any]:
        """Return one row of probabilities a text, by the card's columns."""
        ...


class Part(NamedTuple):
    """A turn, or a window of a very long one."""

    turn: int
    offset: int
    """Where the window begins in the original turn."""
    normal: Normalised


class Passage(NamedTuple):
    """A stretch to judge: what is read, and where in which part the judged stretch lies."""

    text: str
    part: Part
    start: int
    end: int
    whole: bool
    """Everything there is, not a window or the turns up to one that was followed by others."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model made of a message."""

    findings: tuple[Finding, ...]
    score: float
    """Probability, read of everything, that the level is moderate or higher, 0 to 1."""
    otherwise: Risk
    """The level where there is no finding: none, or low for what needs care and is no danger."""
    explained: bool
    """Whether the newest turn explains an earlier alarm away."""


class RiskModel:
    """Judges normalised turns. Immutable."""

    def __init__(self, reader: Reader) -> None:
        """Take a reader whose card names columns and thresholds (see `safety/classifier`)."""
        self._reader = reader
        columns: list[str] = list(reader.card["columns"])
        self._levels = [columns.index(f"risk>={level}") for level in (1, 2, 3, 4)]
        self._categories = {
            category: columns.index(category)
            for category in get_args(Category)
            if category in columns
        }
        self._other = columns.index("other")
        self._explained = columns.index("explained")
        self._thresholds: dict[str, float] = dict(reader.card["thresholds"])
        self._windows: dict[str, float] = dict(reader.card["windows"])

    @property
    def name(self) -> str:
        """Identity of the weights."""
        return self._reader.name

    def judge(self, parts: Sequence[Part]) -> Verdict:
        """Judge the turns of one person together.

        Raises:
            EncoderError: the reader failed.
        """
        stretches = passages(parts)
        if not stretches:
            return Verdict((), 0.0, Risk.NONE, False)
        rows = self._reader.read([readable(stretch.text) for stretch in stretches])
        found = [
            self._finding(stretch, row, level)
            for stretch, row in zip(stretches, rows, strict=True)
            if (level := self._level(row, stretch.whole)) >= Risk.MODERATE
        ]
        whole = rows[-1]
        low = float(whole[self._levels[0]]) > self._thresholds["low"]
        return Verdict(
            tuple(found),
            float(whole[self._levels[1]]),
            Risk.LOW if low else Risk.NONE,
            float(whole[self._explained]) > self._thresholds["explained"],
        )

    def _level(self, row: NDArray[Any], whole: bool) -> Risk:
        """Return the highest level whose probability, and all below it, passes its threshold."""
        needed = self._thresholds if whole else self._windows
        level = Risk.NONE
        for risk, column in zip(
            (Risk.MODERATE, Risk.HIGH, Risk.IMMINENT), self._levels[1:], strict=True
        ):
            if float(row[column]) <= needed[risk.label]:
                break
            level = risk
        return level

    def _finding(self, stretch: Passage, row: NDArray[Any], level: Risk) -> Finding:
        category = max(self._categories, key=lambda name: float(row[self._categories[name]]))
        subject: Subject = "other" if float(row[self._other]) > 0.5 else "self"
        part = stretch.part
        span = part.normal.original(stretch.start, stretch.end)
        return Finding(
            f"model.{category}",
            category,
            level,
            part.offset + span.start,
            part.offset + span.end,
            subject,
            part.turn,
        )


def passages(parts: Sequence[Part]) -> list[Passage]:
    """Return what is read of turns, everything together last.

    Each turn is read after the turns before it; a long one also in windows that end with each of
    its sentences. What stands after a sentence is never part of its window, so that adding to a
    message does not change what was read of it. A window knows less than the whole, so it has
    thresholds of its own, which only what is plain passes.
    """
    found: list[Passage] = []
    before = ""
    for part in parts:
        text = part.normal.text
        if not text.strip():
            continue
        if len(text) > _LONG:
            found += _windows(part)
        found.append(Passage(before + text, part, 0, len(text), False))
        before = (before + text + SEPARATOR)[-_RECENT:]
    if len(found) > _MOST:
        found = found[: _MOST // 2] + found[-_MOST // 2 :]
    return [*found[:-1], *(last._replace(whole=True) for last in found[-1:])]


def _windows(part: Part) -> Iterator[Passage]:
    text = part.normal.text
    spans = list(_sentences(text))
    for index, (start, end) in enumerate(spans):
        first = spans[max(0, index - _BEFORE)][0]
        yield Passage(text[first:end], part, start, end, False)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence lies; one that does not end is cut at spaces."""
    start = 0
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    for end in [*ends, len(text)]:
        while end - start > _RUN:
            cut = text.rfind(" ", start + 1, start + _RUN)
            cut = cut + 1 if cut > start else start + _RUN
            yield start, cut
            start = cut
        if text[start:end].strip():
            yield start, end
        start = end
