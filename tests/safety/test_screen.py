"""The screen as a whole: hand-written cases, and what disguise and chatter must not change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tide_chat.safety.screen import Screen
from tide_chat.types import Risk, Screening

HERE = Path(__file__).parent

EXPLICIT = [
    "I want to end it tonight, I have the pills",
    "I'm going to kill myself",
    "I took the whole bottle of my pills",
    "the gun is loaded and in my lap and I am going to use it",
    "me voy a matar esta noche",
    "i want to die",
]


@dataclass(frozen=True)
class Case:
    text: str
    risk: Risk


def cases(name: str) -> list[Case]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line]
    return [Case(row["text"], Risk.of(row["risk"])) for row in rows]


def screen(text: str | list[str]) -> Screening:
    return Screen.shipped().screen(text)


@pytest.mark.parametrize(
    ("name", "found", "alarms"),
    [("cases.jsonl", 0.97, 0.03), ("unseen_1.jsonl", 0.70, 0.03), ("unseen_2.jsonl", 0.80, 0.03)],
)
def test_the_tuned_cases_hold(name: str, found: float, alarms: float) -> None:
    """The rules were tuned on all three sets: the floors guard against loss, no more.

    What was found at first sight stands in `safety/rules/README.md`.
    """
    rules = Screen.of_rules()
    risky = [case for case in cases(name) if case.risk >= Risk.MODERATE]
    calm = [case for case in cases(name) if case.risk < Risk.MODERATE]
    assert len(risky) >= 60 and len(calm) >= 60
    assert sum(rules.screen(c.text).risk >= Risk.MODERATE for c in risky) >= found * len(risky)
    assert sum(rules.screen(c.text).risk >= Risk.MODERATE for c in calm) <= alarms * len(calm)


def test_the_contract_of_a_screening() -> None:
    found = screen(EXPLICIT[0])
    assert found.risk is Risk.IMMINENT and found.categories[0] == "suicide"
    assert 0.8 <= found.score < 1.0 and found.rules and found.policy
    calm = screen("The tea was good today.")
    assert (calm.risk, calm.findings, calm.policy) == (Risk.NONE, (), found.policy)
    assert calm.score < 0.2
    silent = Screen.of_rules().screen("The tea was good today.")
    assert silent == Screening(Risk.NONE, policy=silent.policy)


@pytest.mark.parametrize(
    "turns",
    [
        ["finally bought the rope", "doing it friday when the house is empty"],
        ["I'm going to kill myself", "tonight"],
        ["i've got a full bottle of pills", "nobody home till tomorrow. this is it"],
    ],
)
def test_turns_say_more_together(turns: list[str]) -> None:
    together = screen(turns)
    assert together.risk is Risk.IMMINENT
    assert screen(" || ".join(turns)) == together
    assert {finding.turn for finding in together.findings} <= {0, 1}


def test_a_minor_is_raised_one_level() -> None:
    assert screen("I don't want to be alive anymore").risk is Risk.MODERATE
    assert screen("I'm 15 and I don't want to be alive anymore").risk is Risk.HIGH


@pytest.mark.parametrize(
    "denial",
    ["I'm fine, not suicidal", "just venting, don't worry", "I would never hurt myself", "lol"],
)
def test_a_denial_after_an_act_never_lowers_it(denial: str) -> None:
    for act in (EXPLICIT[2], EXPLICIT[3]):
        assert screen(f"{act}. {denial}").risk is Risk.IMMINENT
        assert screen([act, denial]).risk is Risk.IMMINENT


def test_someone_else_at_risk_is_a_risk_of_another() -> None:
    found = screen("My roommate just texted me goodbye and says she took all her antidepressants")
    assert found.risk is Risk.IMMINENT and found.findings[0].subject == "other"


def test_a_plain_bad_sentence_in_a_long_text_counts_in_full() -> None:
    """In full as the rules read it; the classifier may be surer of a sentence that stands alone."""
    calm = "We walked along the canal and the dog found a glove. " * 60
    for text in EXPLICIT:
        assert screen(f"{calm}{text}. {calm}").risk >= Screen.of_rules().screen(text).risk


def test_two_megabytes_are_read_whole() -> None:
    long = "We walked along the canal and the dog found a glove. " * 40_000
    assert len(long) > 2_000_000
    found = screen(long + EXPLICIT[2])
    assert found.risk is Risk.IMMINENT
    assert found.findings[0].start >= len(long)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_judged_without_an_exception(text: str) -> None:
    found = screen(text)
    assert 0.0 <= found.score <= 1.0
    turns = text.split(" || ")
    for finding in found.findings:
        assert 0 <= finding.start < finding.end <= len(turns[finding.turn])


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_turns_are_judged_without_an_exception(turns: list[str]) -> None:
    assert screen(turns).risk in Risk


LOOKALIKES = str.maketrans({"a": "а", "e": "е", "o": "о", "i": "і", "c": "с", "p": "р"})


@given(st.sampled_from(EXPLICIT), st.data())
@settings(max_examples=60, deadline=None)
def test_disguise_never_lowers_the_level(text: str, data: st.DataObject) -> None:
    expected = screen(text).risk
    zero_width = "".join(
        character + ("\u200b" if data.draw(st.booleans()) else "") for character in text
    )
    assert screen(zero_width).risk >= expected
    shouted = "".join(c.upper() if data.draw(st.booleans()) else c for c in text)
    assert screen(shouted).risk >= expected
    looks = "".join(c.translate(LOOKALIKES) if data.draw(st.booleans()) else c for c in text)
    assert screen(looks).risk >= expected


CHATTER = ["The rain stopped.", "Had toast.", "My cousin plays the tuba.", "Anyway."]


@given(st.sampled_from(EXPLICIT), st.lists(st.sampled_from(CHATTER), max_size=8), st.booleans())
@settings(deadline=None)
def test_chatter_never_lowers_the_level(text: str, chatter: list[str], first: bool) -> None:
    """Not below what the rules alone find: the classifier reads everything together."""
    more = " ".join(chatter)
    joined = f"{more} {text}" if first else f"{text}. {more}"
    assert screen(joined).risk >= Screen.of_rules().screen(text).risk


def test_offsets_point_into_the_original() -> None:
    text = "Ok so… 🙂 I’m gоing to k i l l  myself"
    finding = Screen.of_rules().screen(text).findings[0]
    assert text[finding.start : finding.end].lstrip().startswith("I")
    assert text[finding.start : finding.end].endswith("myself")
