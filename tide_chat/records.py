"""Turns the values of a turn into plain JSON objects; the one place that spells their keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tide_chat.types import Reply, Screening, TurnRecord

__all__ = ["record_json", "reply_json", "screening_json"]


def screening_json(screening: Screening) -> dict[str, Any]:
    """Return a screening without any text of the person."""
    return {
        "risk": screening.risk.label,
        "categories": list(screening.categories),
        "rules": list(screening.rules),
        "score": round(screening.score, 4),
        "policy": screening.policy,
        "findings": [
            {**asdict(finding), "risk": finding.risk.label} for finding in screening.findings
        ],
    }


def record_json(record: TurnRecord) -> dict[str, Any]:
    """Return a turn's record; times in milliseconds."""
    return {
        "outcome": record.outcome,
        "risk": record.screening.risk.label,
        "screening": screening_json(record.screening),
        "stance": record.stance,
        "passages": [{"id": passage, "score": score} for passage, score in record.passages],
        "usage": {
            "prompt_tokens": record.usage.prompt_tokens,
            "reused_tokens": record.usage.reused_tokens,
            "evaluated_tokens": record.usage.evaluated_tokens,
            "completion_tokens": record.usage.completion_tokens,
            "prompt_ms": round(record.usage.prompt_ms, 3),
            "completion_ms": round(record.usage.completion_ms, 3),
        },
        "timings": record.timings,
        "guard": [asdict(finding) for finding in record.guard],
        "failed": list(record.failed),
        "finish": record.finish,
        "seed": record.seed,
        "trimmed_turns": record.trimmed_turns,
        "help_lines": list(record.help_lines),
        "versions": record.versions,
    }


def reply_json(reply: Reply) -> dict[str, Any]:
    """Return a turn's record with the reply's text under `reply`."""
    return {"reply": reply.text, **record_json(reply.record)}
