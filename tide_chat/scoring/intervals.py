"""Intervals that respect who wrote what: personas are drawn, not rows.

The dialogues of one persona resemble each other, so rows drawn one by one would make an interval
too narrow. The bootstrap draws whole personas with replacement (cluster bootstrap; Cameron,
Gelbach and Miller 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MIN_CLUSTERS", "Interval", "clustered_mean"]

MIN_CLUSTERS = 3
"""Below this many personas no interval is given: there is too little to draw from."""

_DRAWS = 2000
_SEED = 20250521


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float | None
    high: float | None
    """None where there are too few personas."""
    clusters: int


def clustered_mean(values: Sequence[float], clusters: Sequence[str]) -> Interval | None:
    """Return mean and percentile interval over values that belong to clusters; none for no values.

    The result is the same at every call: the draws have a fixed seed.
    """
    if not values:
        return None
    import numpy as np

    names = sorted(set(clusters))
    place = {name: index for index, name in enumerate(names)}
    sums = np.zeros(len(names))
    counts = np.zeros(len(names))
    for value, cluster in zip(values, clusters, strict=True):
        sums[place[cluster]] += value
        counts[place[cluster]] += 1
    mean = float(sums.sum() / counts.sum())
    if len(names) < MIN_CLUSTERS:
        return Interval(mean, None, None, len(names))
    draws = np.random.default_rng(_SEED).integers(0, len(names), size=(_DRAWS, len(names)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(mean, float(low), float(high), len(names))
