"""Reads run logs and states what they show. Needs no model and no network.

The cosine needs the sentence encoder; without it the cosine is unscored, and the report says why.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tide_chat.encoder.protocol import Encoder
from tide_chat.scoring.intervals import clustered_mean
from tide_chat.scoring.log import RunLog
from tide_chat.scoring.metrics import METRICS, Pair, Scores, cosines, rouge_l, word_counts

__all__ = ["MetricResult", "RunReport", "report_run", "report_json"]


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric over one run."""

    name: str
    mean: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    reason: str = ""
    """Why nothing was scored, where that is so."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What one log shows."""

    name: str
    spec: dict[str, Any]
    samples: int
    errors: int
    missing: int
    """Cases of the suite without a sample: the run is not finished."""
    personas: int
    metrics: tuple[MetricResult, ...]
    outcomes: dict[str, int]
    tokens_per_second: float | None
    """Median over samples."""
    reused_share: float | None
    """Share of all prompt tokens that were not evaluated again."""
    problems: tuple[str, ...] = field(default=())


def report_run(log: RunLog, encoder: Encoder | None, why_no_encoder: str = "") -> RunReport:
    """Score a log.

    Args:
        log: As read.
        encoder: For the cosine.
        why_no_encoder: The reason to state where there is none.
    """
    good = [sample for sample in log.samples if sample.get("error") is None]
    pairs = [Pair(sample.get("reply") or "", sample.get("reference") or "") for sample in good]
    personas = [str(sample.get("persona")) for sample in good]
    errors = len(log.samples) - len(good)
    metrics = [
        _metric("rouge_l", rouge_l(pairs), personas, errors),
        (
            _metric("cosine", cosines(pairs, encoder), personas, errors)
            if encoder is not None
            else MetricResult("cosine", None, None, None, 0, len(log.samples), why_no_encoder)
        ),
        _metric("words", word_counts(pairs), personas, errors),
    ]
    return RunReport(
        name=log.path.stem,
        spec=log.spec,
        samples=len(log.samples),
        errors=errors,
        missing=max(0, int(log.spec.get("cases", 0)) - len(log.samples)),
        personas=len(set(personas)),
        metrics=tuple(metrics),
        outcomes=dict(Counter(str(sample.get("outcome")) for sample in good).most_common()),
        tokens_per_second=_speed(good),
        reused_share=_reused(good),
        problems=log.problems,
    )


def report_json(reports: Sequence[RunReport]) -> dict[str, Any]:
    """Return reports as a JSON object; each metric stands under its field name."""
    return {
        "runs": [
            {
                "name": report.name,
                "spec": report.spec,
                "samples": report.samples,
                "errors": report.errors,
                "missing": report.missing,
                "personas": report.personas,
                "metrics": {
                    result.name: {
                        "mean": result.mean,
                        "low": result.low,
                        "high": result.high,
                        "n": result.n,
                        "unscored": result.unscored,
                        "reason": result.reason,
                        "source": METRICS[result.name].source,
                        "caveat": METRICS[result.name].caveat,
                    }
                    for result in report.metrics
                },
                "outcomes": report.outcomes,
                "tokens_per_second": report.tokens_per_second,
                "reused_share": report.reused_share,
                "problems": list(report.problems),
            }
            for report in reports
        ]
    }


def _metric(name: str, scores: Scores, personas: Sequence[str], errors: int) -> MetricResult:
    kept = [(score, p) for score, p in zip(scores, personas, strict=True) if score is not None]
    interval = clustered_mean([score for score, _ in kept], [persona for _, persona in kept])
    unscored = len(scores) - len(kept) + errors
    if interval is None:
        return MetricResult(name, None, None, None, 0, unscored, "there was no reply to score")
    return MetricResult(name, interval.mean, interval.low, interval.high, len(kept), unscored)


def _speed(samples: Sequence[dict[str, Any]]) -> float | None:
    rates = [
        usage["completion_tokens"] / usage["completion_ms"] * 1000
        for sample in samples
        if (usage := sample.get("usage")) and usage.get("completion_ms")
    ]
    return round(statistics.median(rates), 2) if rates else None


def _reused(samples: Sequence[dict[str, Any]]) -> float | None:
    usages = [sample["usage"] for sample in samples if sample.get("usage")]
    prompt = sum(usage["prompt_tokens"] for usage in usages)
    return round(sum(usage["reused_tokens"] for usage in usages) / prompt, 4) if prompt else None
