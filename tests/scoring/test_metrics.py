"""Metrics against values worked out by hand, intervals, and what is unscored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scoring.test_log import SPEC, Echo, suite
from tide_chat.encoder.scripted import ScriptedEncoder
from tide_chat.scoring.intervals import clustered_mean
from tide_chat.scoring.log import read_log, spec_hash
from tide_chat.scoring.metrics import METRICS, Pair, cosines, rouge_l, word_counts
from tide_chat.scoring.report import report_json, report_run
from tide_chat.scoring.run import run


def test_rouge_l_is_the_longest_common_subsequence() -> None:
    # "the cat sat" against "the cat lay down": common "the cat", P = 2/3, R = 2/4, F1 = 4/7.
    scores = rouge_l([Pair("the cat sat", "the cat lay down"), Pair("same", "same")])
    assert scores == [pytest.approx(4 / 7), pytest.approx(1.0)]


def test_nothing_said_is_unscored_never_zero() -> None:
    pairs = [Pair("", "reference"), Pair(" \n", "reference"), Pair("reply", "")]
    assert rouge_l(pairs) == [None, None, None]
    assert cosines(pairs, ScriptedEncoder()) == [None, None, None]
    assert word_counts(pairs) == [0.0, 0.0, 1.0]


def test_a_script_rouge_does_not_know_is_unscored_never_zero() -> None:
    pairs = [Pair("Мне жаль", "I am sorry"), Pair("I am", "Мне жаль"), Pair("lo siento", "I am")]
    assert rouge_l(pairs) == [None, None, 0.0]


def test_the_cosine_of_equal_texts_is_one() -> None:
    (same, other) = cosines(
        [Pair("rain again", "rain again"), Pair("rain again", "bus tomorrow")], ScriptedEncoder()
    )
    assert same == pytest.approx(1.0) and other is not None and other < 0.5


def test_personas_are_drawn_not_rows() -> None:
    """Ten equal rows of each of six personas say no more than six rows."""
    means = [0.1, 0.3, 0.5, 0.7, 0.9, 0.2]
    values = [mean for mean in means for _ in range(10)]
    clusters = [f"p{index}" for index in range(6) for _ in range(10)]
    clustered = clustered_mean(values, clusters)
    rows = clustered_mean(values, [str(index) for index in range(60)])
    few = clustered_mean(means, [f"p{index}" for index in range(6)])
    assert clustered is not None and rows is not None and few is not None
    assert clustered.high is not None and clustered.low is not None
    assert rows.high is not None and rows.low is not None
    assert clustered.high - clustered.low > 2 * (rows.high - rows.low)
    assert (clustered.low, clustered.high) == pytest.approx((few.low, few.high))
    assert clustered.mean == pytest.approx(0.45)


def test_unequal_personas_are_weighted_by_their_rows() -> None:
    found = clustered_mean([1.0, 0.0, 0.0], ["a", "b", "b"])
    assert found is not None and found.mean == pytest.approx(1 / 3)
    assert (found.low, found.high) == (None, None)
    assert clustered_mean([], []) is None


def test_the_report_counts_errors_as_unscored_and_names_every_metric(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    run(suite(7), Echo(frozenset({"002-t"})), out, SPEC | {"cases": 8})
    report = report_run(read_log(out), ScriptedEncoder())
    assert (report.samples, report.errors, report.missing, report.personas) == (7, 1, 1, 3)
    shown = report_json([report])["runs"][0]
    assert set(shown["metrics"]) == set(METRICS) == {"rouge_l", "cosine", "words"}
    for metric in shown["metrics"].values():
        assert metric["n"] == 6 and metric["unscored"] == 1
        assert metric["source"] and metric["caveat"]
        assert metric["low"] <= metric["mean"] <= metric["high"]
    json.dumps(shown)


def test_a_saved_log_gives_the_same_report() -> None:
    """The golden log: what an older version wrote must go on being read, with the same figures."""
    log = read_log(Path(__file__).parent / "data" / "golden.jsonl")
    assert spec_hash(log.spec) == log.spec["spec_hash"]
    (run_shown,) = report_json([report_run(log, None, "no encoder")])["runs"]
    assert (run_shown["samples"], run_shown["errors"], run_shown["missing"]) == (5, 1, 0)
    assert run_shown["outcomes"] == {"model": 3, "crisis": 1}
    assert run_shown["problems"] == []
    rouge = run_shown["metrics"]["rouge_l"]
    # By hand: 4/7, 1, 0, and 2/3 ("you are" of "you are here" and "you are tired").
    assert rouge["mean"] == pytest.approx((4 / 7 + 1 + 0 + 2 / 3) / 4)
    assert (rouge["n"], rouge["unscored"]) == (4, 1)
    assert run_shown["metrics"]["words"]["mean"] == pytest.approx((3 + 2 + 3 + 3) / 4)
    assert run_shown["tokens_per_second"] == 20.0
    assert run_shown["reused_share"] == pytest.approx(0.5)


def test_without_an_encoder_the_cosine_is_unscored_with_its_reason(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    run(suite(), Echo(), out, SPEC)
    shown = report_json([report_run(read_log(out), None, "run: tide-chat setup")])["runs"][0]
    cosine = shown["metrics"]["cosine"]
    assert cosine["mean"] is None and cosine["unscored"] == 4
    assert cosine["reason"] == "run: tide-chat setup"
