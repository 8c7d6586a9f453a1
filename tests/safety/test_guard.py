"""The guard's rules and its judgement of whole replies."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tide_chat.errors import PolicyError
from tide_chat.safety.guard import Guard
from tide_chat.safety.guard_rules import CompiledRule, Example, read_rules
from tide_chat.shipped import shipped
from tide_chat.types import GuardAct

GUARD = Guard.of_rules()
CASES: list[dict[str, Any]] = [
    json.loads(line)
    for line in Path(__file__).with_name("guard_cases.jsonl").read_text("utf-8").splitlines()
]

_POSITIVE = [(rule, each) for rule in GUARD.rules for each in rule.rule.positive]
_NEGATIVE = [(rule, each) for rule in GUARD.rules for each in rule.rule.negative]


def _name(value: object) -> str:
    return value.rule.id if isinstance(value, CompiledRule) else ""


@pytest.mark.parametrize(("rule", "case"), _POSITIVE, ids=_name)
def test_a_rule_stops_its_positive_examples(rule: CompiledRule, case: Example) -> None:
    found = {finding.rule for finding in GUARD.check(case.text, case.user).findings}
    assert rule.rule.id in found


@pytest.mark.parametrize(("rule", "case"), _NEGATIVE, ids=_name)
def test_a_rules_negative_examples_pass_all_rules(rule: CompiledRule, case: Example) -> None:
    assert GUARD.check(case.text, case.user).findings == ()


OF_MEANING = {"graphic", "advice_rush", "stigma", "force_promise", "mind_read", "pressure"}
"""Acts that only the trained classifier looks for."""


def test_every_act_of_wording_has_a_rule() -> None:
    assert {rule.rule.act for rule in GUARD.rules} == set(get_args(GuardAct)) - OF_MEANING
    assert all(rule.rule.id.split(".")[1] == rule.rule.act for rule in GUARD.rules)


def test_patterns_are_written_for_folded_text() -> None:
    for rule in GUARD.rules:
        for pattern in rule.rule.patterns:
            literal = re.sub(r"\\.|\(\?[^)<=!:]*[:>]", "", pattern)
            assert literal.isascii(), rule.rule.id
            assert literal.replace("(?P", "") == literal.replace("(?P", "").lower(), rule.rule.id


# Reached on 2026-11-23; the sets and what the figures mean are in safety/guard/README.md.
_FLOORS = {
    "first": (77, 0),
    "second": (60, 0),
    "third": (40, 0),
    "fourth": (41, 0),
    "fifth": (20, 0),
}


@pytest.mark.parametrize("chosen", sorted(_FLOORS))
def test_floors(chosen: str) -> None:
    stopped, blocked = _FLOORS[chosen]
    outcome = Counter(
        (bool(case["act"]), GUARD.check(case["text"], case["user"]).allowed)
        for case in CASES
        if case["set"] == chosen
    )
    assert outcome[True, False] >= stopped
    assert outcome[False, False] <= blocked


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=600), st.text(max_size=100))
def test_no_text_raises_and_offsets_lie_within(text: str, user: str) -> None:
    verdict = GUARD.check(text, user)
    assert verdict.allowed == (not verdict.findings)
    assert all(0 <= each.start < each.end <= len(text) for each in verdict.findings)


def test_findings_point_into_the_reply_as_it_was_written() -> None:
    text = "Well\u2026 You\u2019re  sa\u200bfe\u00a0now, and here."
    (finding,) = GUARD.check(text).findings
    assert text[finding.start : finding.end] == "You\u2019re  sa\u200bfe\u00a0now"


def test_the_shipped_guard_is_read_once_and_names_its_policy() -> None:
    assert Guard.shipped() is Guard.shipped()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d\+[0-9a-f]{8}", GUARD.policy)


def test_the_length_limit_counts_words() -> None:
    assert GUARD.check("word " * 130).allowed
    (finding,) = GUARD.check("word " * 131).findings
    assert finding.act == "overlong"
    assert not GUARD.check("\u00a0 " * 800).allowed


def test_a_disclaimer_does_not_cure_a_diagnosis() -> None:
    assert not GUARD.check("I'm not a doctor, but you clearly have PTSD.").allowed
    assert GUARD.check("You have PTSD, and a loud street.", "i have ptsd").allowed
    assert not GUARD.check("You have PTSD.", "do you think i am ill").allowed


def test_the_users_words_may_be_quoted_but_a_method_never() -> None:
    user = "they say at least you survived. take all the pills with vodka"
    assert GUARD.check('People hand you "at least you survived".', user).allowed
    assert not GUARD.check('"Take all the pills with vodka" is one way.', user).allowed


_RULE = """
version = "2026-01-01"
[[rule]]
id = "guard.blame.x"
act = "blame"
patterns = ["x"]
reason = "r"
source = "s"
positive = ["x", "x", "x"]
negative = ["y", "y", "y"]
"""


def _folder(tmp_path: Path, rules: str) -> Path:
    words = (shipped("safety") / "guard" / "words.toml").read_text(encoding="utf-8")
    (tmp_path / "words.toml").write_text(words, "utf-8")
    (tmp_path / "rules.toml").write_text(rules, "utf-8")
    return tmp_path


def test_reads_a_small_policy(tmp_path: Path) -> None:
    guard = Guard(read_rules(_folder(tmp_path, _RULE)))
    assert not guard.check("an x.").allowed
    assert guard.check("an ax.").allowed


@pytest.mark.parametrize(
    "rules",
    [
        "not toml",
        _RULE.replace('["x"]', '["("]'),
        _RULE.replace('["x"]', '["{unheard_of}"]'),
        _RULE.replace('"blame"', '"shouting"'),
        _RULE.replace('["x", "x", "x"]', '["x"]'),
        _RULE.replace("reason", "raison"),
        _RULE.replace('reason = "r"', 'reason = "r"\nunless_user = "({said}"'),
        _RULE + _RULE[_RULE.index("[[") :],
    ],
)
def test_a_broken_policy_is_a_policy_error(tmp_path: Path, rules: str) -> None:
    with pytest.raises(PolicyError):
        read_rules(_folder(tmp_path, rules))


def test_a_missing_policy_is_a_policy_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        read_rules(tmp_path)
    with pytest.raises(PolicyError):
        read_rules(tmp_path / "nowhere")
