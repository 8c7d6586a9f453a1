"""The policy data is code: every rule's examples run, ids are unique, versions are there."""

from __future__ import annotations

from typing import get_args

import pytest

from tide_chat.errors import PolicyError
from tide_chat.safety.lexicon import Lexicon, expand, read_policy
from tide_chat.safety.normalise import normalise
from tide_chat.safety.rules import Rule, load_rules
from tide_chat.safety.screen import Screen
from tide_chat.types import Category, Risk

RULES = load_rules().rules


def fires(rule: Rule, text: str) -> bool:
    """Whether the rule gives its own level for the text; a rule without one only has to match."""
    if rule.risk is Risk.NONE:
        return rule.pattern.search(normalise(text).text) is not None
    found = Screen.of_rules().screen(text).findings
    return any(finding.rule == rule.id and finding.risk is rule.risk for finding in found)


@pytest.mark.parametrize(
    ("rule", "text"),
    [pytest.param(r, text, id=f"{r.id}-{n}") for r in RULES for n, text in enumerate(r.positive)],
)
def test_positive_examples(rule: Rule, text: str) -> None:
    assert fires(rule, text)


@pytest.mark.parametrize(
    ("rule", "text"),
    [pytest.param(r, text, id=f"{r.id}-{n}") for r in RULES for n, text in enumerate(r.negative)],
)
def test_negative_examples(rule: Rule, text: str) -> None:
    assert not fires(rule, text)


def test_the_rules_cover_every_category_of_danger() -> None:
    found = {rule.category for rule in RULES}
    assert found == set(get_args(Category))
    assert {rule.subject for rule in RULES} == {"self", "other"}
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_the_version_names_the_content() -> None:
    assert "+" in Screen.of_rules().policy == load_rules().version


@pytest.mark.parametrize("raw", [b"\xff", b"= broken"])
def test_a_broken_policy_file_names_itself(raw: bytes) -> None:
    with pytest.raises(PolicyError, match=r"lexicon\.toml"):
        Lexicon.parse(raw)
    with pytest.raises(PolicyError, match=r"x\.toml"):
        read_policy("x.toml", raw)
    with pytest.raises(PolicyError, match="fields are wrong"):
        Lexicon.parse(b'version = "1"\n')


def test_an_unknown_group_is_told() -> None:
    with pytest.raises(PolicyError, match="not defined"):
        expand("{nobody}", {})
    with pytest.raises(PolicyError, match="refers to itself"):
        expand("{a}", {"a": "{a}"})
