"""What a screen finds and what it raises falsely, by group, with intervals.

Recall is the share of messages at moderate risk or above that raise at least moderate; a false
alarm is a message below moderate that does. Intervals are Wilson's at 95 % (JASA 22, 1927).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tide_chat.tuning.labelled import LabelledMessage

__all__ = ["Rate", "groups", "rates"]

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its Wilson interval."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        """Hits over cases; 0 where there are none."""
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % bounds."""
        if not self.of:
            return 0.0, 1.0
        n, p, z2 = self.of, self.share, _Z * _Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z * ((p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5) / (1 + z2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:.3f} [{low:.3f}, {high:.3f}] {self.hits}/{self.of}"


def rates(messages: Sequence[LabelledMessage], levels: Sequence[int]) -> dict[str, Rate]:
    """Return the headline rates of levels that a screen gave to messages."""
    pairs = list(zip(messages, levels, strict=True))

    def rate(chosen: Callable[[LabelledMessage], bool], found: int) -> Rate:
        kept = [level for message, level in pairs if chosen(message)]
        return Rate(sum(level >= found for level in kept), len(kept))

    result = {
        "recall": rate(lambda m: m.level >= 2, 2),
        "recall high+imminent": rate(lambda m: m.level >= 3, 2),
        "imminent answered as high or imminent": rate(lambda m: m.level == 4, 3),
        "recall in progress": rate(lambda m: m.phenomenon in _IN_PROGRESS, 2),
        "false alarms": rate(lambda m: m.level < 2, 2),
        "false alarms, idiom history quotation denial": rate(
            lambda m: m.level < 2 and m.phenomenon in _HARD, 2
        ),
        "false alarms at high": rate(lambda m: m.level < 2, 3),
    }
    for lang in ("en", "es"):
        result[f"recall {lang}"] = rate(lambda m: m.level >= 2 and m.lang == lang, 2)  # noqa: B023
        result[f"false alarms {lang}"] = rate(lambda m: m.level < 2 and m.lang == lang, 2)  # noqa: B023
    return result


_IN_PROGRESS = {"in_progress", "overdose"}
_HARD = {"idiom", "history", "quotation", "denial"}


def groups(
    messages: Iterable[LabelledMessage], levels: Iterable[int]
) -> dict[tuple[str, str], Rate]:
    """Return how often each phenomenon, category, style and level raised an alarm.

    Keys are a kind of group and its name; the names of risk and of false alarm never mix, since a
    phenomenon is one or the other and the rest is split by `risk` and `calm`.
    """
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for message, level in zip(messages, levels, strict=True):
        alarm = level >= 2
        side = "risk" if message.level >= 2 else "calm"
        found["level", message.risk].append(alarm)
        found[f"phenomenon, {side}", message.phenomenon].append(alarm)
        found[f"style, {side}", message.style].append(alarm)
        found[f"language, {side}", message.lang].append(alarm)
        if side == "risk":
            for category in message.categories:
                found["category, risk", category].append(alarm)
    return {key: Rate(sum(alarms), len(alarms)) for key, alarms in sorted(found.items())}
