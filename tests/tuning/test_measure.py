"""Rates and their intervals, and the choice of thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from tide_chat.tuning.labelled import LabelledMessage
from tide_chat.tuning.measure import Rate, groups, rates
from tide_chat.tuning.screen_reader import COLUMNS, targets, thresholds


def message(risk: str, phenomenon: str = "denial", **more: object) -> LabelledMessage:
    return LabelledMessage.model_validate({
        "id": "a",
        "lang": "en",
        "risk": risk,
        "phenomenon": phenomenon,
        "turns": ("x",),
        **more,
    })


def test_wilson_intervals_are_those_of_the_textbook() -> None:
    # Wilson (1927) as computed by R's prop.test(..., correct = FALSE).
    low, high = Rate(15, 20).interval
    assert (low, high) == (pytest.approx(0.5313, abs=1e-4), pytest.approx(0.8881, abs=1e-4))
    assert Rate(0, 10).interval[0] == 0.0
    assert Rate(0, 0).interval == (0.0, 1.0) and Rate(0, 0).share == 0.0
    assert str(Rate(1, 2)).startswith("0.500 [")


def test_rates_count_what_they_say() -> None:
    rows = [message("none"), message("low", "grief"), message("moderate", "in_progress"),
            message("imminent", "plan", lang="es", categories=("suicide",))]  # fmt: skip
    found = rates(rows, [2, 0, 0, 3])
    assert (found["recall"].hits, found["recall"].of) == (1, 2)
    assert (found["recall high+imminent"].hits, found["recall high+imminent"].of) == (1, 1)
    assert found["recall in progress"].hits == 0 and found["recall es"].share == 1.0
    assert (found["false alarms"].hits, found["false alarms"].of) == (1, 2)
    assert found["false alarms, idiom history quotation denial"].share == 1.0
    by_group = groups(rows, [2, 0, 0, 3])
    assert by_group["category, risk", "suicide"].share == 1.0
    assert by_group["phenomenon, calm", "grief"].hits == 0


def test_targets_are_cumulative() -> None:
    row = targets([message("high", "plan", categories=("suicide",), subject="other")])[0]
    on = {name for name, value in zip(COLUMNS, row, strict=True) if value}
    assert on == {"risk>=1", "risk>=2", "risk>=3", "suicide", "other"}


def test_thresholds_spend_their_budget_on_what_lies_below() -> None:
    rows = [message("none")] * 100 + [message("imminent", "plan")] * 10
    scores = np.zeros((110, len(COLUMNS)), dtype=np.float32)
    scores[:100] = np.linspace(0, 0.99, 100)[:, None]
    scores[100:] = 0.999
    chosen = thresholds(scores, rows)
    passed = (scores[:100, COLUMNS.index("risk>=2")] > chosen["moderate"]).sum()
    assert 5 <= passed <= 6
    assert chosen["imminent"] >= chosen["high"] >= chosen["low"]
