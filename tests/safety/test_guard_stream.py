"""The stream and the check are one judgement: equal outcomes, however the draft is cut."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tide_chat.safety.clauses import Clause, Clauses, Folded, fold
from tide_chat.safety.guard import Guard

GUARD = Guard.of_rules()
CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("guard_cases.jsonl").read_text("utf-8").splitlines()
]
TEXTS = [case["text"] for case in CASES]
EXAMPLES = [
    each.text for rule in GUARD.rules for each in (*rule.rule.positive, *rule.rule.negative)
]
ODD = ["\u200b", "  ", "\n", "\u00a0", "a.m.", "3.5"]

replies = st.one_of(
    st.sampled_from(TEXTS),
    st.lists(st.sampled_from(TEXTS + EXAMPLES), min_size=1, max_size=4).map(" ".join),
    st.lists(st.sampled_from(" ".join(EXAMPLES).split(" ")), max_size=40).map(" ".join),
    st.lists(st.sampled_from([*ODD, *EXAMPLES])).map("".join),
    st.text(max_size=400),
)  # fmt: skip
users = st.one_of(st.just(""), st.sampled_from([case["user"] for case in CASES]))


@dataclass(frozen=True)
class Outcome:
    shown: str
    blocked: bool
    findings: tuple[object, ...]


def stream(pieces: list[str], user: str = "") -> Outcome:
    watch = GUARD.watch(user)
    shown = "".join(watch.feed(piece) for piece in pieces) + watch.finish()
    if watch.blocked:
        assert watch.feed("More. ") == watch.finish() == ""
    return Outcome(shown, watch.blocked, watch.findings)


@st.composite
def cut_replies(draw: st.DrawFn) -> tuple[str, list[str]]:
    text = draw(replies)
    places = draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
    return text, [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@settings(max_examples=300, deadline=None)
@given(cut_replies(), users)
def test_outcome_does_not_depend_on_the_pieces(cut: tuple[str, list[str]], user: str) -> None:
    text, pieces = cut
    whole = stream([text], user)
    assert stream(pieces, user) == whole
    assert stream(list(text), user) == whole


@settings(max_examples=300, deadline=None)
@given(replies, users)
def test_stream_and_check_agree_and_no_flagged_span_is_ever_released(text: str, user: str) -> None:
    verdict = GUARD.check(text, user)
    outcome = stream([text], user)
    assert outcome.blocked == (not verdict.allowed)
    assert text.startswith(outcome.shown)
    if verdict.allowed:
        assert outcome.shown == text
    assert outcome.findings == verdict.findings[: len(outcome.findings)]
    for finding in verdict.findings:
        assert 0 <= finding.start < finding.end <= len(text)
        assert finding.end > len(outcome.shown)


@settings(max_examples=200, deadline=None)
@given(cut_replies())
@example(("", [""]))
def test_clauses_join_to_the_draft(cut: tuple[str, list[str]]) -> None:
    text, pieces = cut
    clauses = Clauses()
    parts = [clause for piece in pieces for clause in clauses.feed(piece)]
    assert "".join(clause.text for clause in (*parts, clauses.finish())) == text
    whole = Clauses()
    assert list(whole.feed(text)) == parts


@settings(max_examples=200, deadline=None)
@given(cut_replies())
def test_folding_keeps_places(cut: tuple[str, list[str]]) -> None:
    text, pieces = cut
    folded = Folded()
    for piece in pieces:
        folded.extend(piece)
    assert folded.text == fold(text)
    assert len(folded.text) == len(folded.lined) == len(folded.origin)
    assert folded.origin == sorted(folded.origin)
    assert all(0 <= place < len(text) for place in folded.origin)


def test_words_come_clause_by_clause() -> None:
    watch = GUARD.watch()
    assert watch.feed("Eleven times") == ""
    assert watch.feed(",") == ""
    assert watch.feed(" and some") == "Eleven times, "
    assert watch.feed("one keeping count.") == ""
    assert watch.finish() == "and someone keeping count."
    assert not watch.blocked


def test_what_stands_before_the_finding_was_shown_and_nothing_after() -> None:
    watch = GUARD.watch()
    shown = watch.feed("That was a long night. You are safe now. Good")
    assert shown == "That was a long night. "
    assert watch.blocked
    assert [finding.rule for finding in watch.findings] == ["guard.unearned_safety.safe"]
    assert watch.feed(" night.") == watch.finish() == ""


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("One, two. Three", ["One, ", "two. ", "Three"]),
        ("At 3.5 or 6:30 it rang", ["At 3.5 or 6:30 it rang"]),
        ("At 3 a.m. it rang, e.g. twice", ["At 3 a.m. it rang, ", "e.g. twice"]),
        ('"No." He left', ['"No." ', "He left"]),
        ("well-known - and old \u2014 so", ["well-known - ", "and old \u2014 ", "so"]),
        ("line\nnext", ["line\n", "next"]),
        ("wait\u2026 what?! yes", ["wait\u2026 ", "what?! ", "yes"]),
        ("word " * 60, ["word " * 48, "word " * 12]),
    ],
)
def test_where_clauses_end(text: str, clauses: list[str]) -> None:
    cutter = Clauses()
    found = [clause.text for clause in cutter.feed(text)]
    assert [part for part in (*found, cutter.finish().text) if part] == clauses


def test_a_run_without_spaces_is_torn_and_never_shown() -> None:
    assert list(Clauses().feed("x" * 401)) == [Clause("x" * 400, torn=True)]
    assert list(Clauses().feed("x" * 300 + " y")) == [Clause("x" * 300 + " ")]
    assert stream(["x" * 2_000_000]).blocked


@pytest.mark.parametrize(
    ("raw", "folded"),
    [
        ("Don\u2019t", "don't"),
        ("\u00bfPor qu\u00e9\u00a0 no?", "\u00bfpor que no?"),
        ("ki\u200bll", "kill"),
        ("e\u0301l", "el"),
        ("\ufb01ne", "fine"),
        ("a \n\n b", "a b"),
        ("\u201cno\u201d \u2014 yes", '"no" - yes'),
        ("\u2460", "1"),
    ],
)
def test_folding(raw: str, folded: str) -> None:
    assert fold(raw) == folded


def test_a_line_break_is_kept_beside_the_flat_text() -> None:
    folded = Folded()
    folded.extend("one, ")
    folded.extend("\ntwo\n")
    assert folded.lined == "one,\ntwo\n"
    assert folded.text == "one, two "


@pytest.mark.parametrize(
    "text",
    [
        "a" * 2_000_000,
        " " * 2_000_000,
        "\n" * 2_000_000,
        "a, " * 700_000,
        "you " * 500_000,
        "\u200b" * 2_000_000,
        "no no no not " * 150_000,
        '"' * 2_000_000,
        "1 " * 1_000_000,
        "you have a severe mild a an the " * 60_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_two_megabytes_of_hostile_text_are_read_quickly(text: str) -> None:
    assert not GUARD.check(text).allowed
    assert stream([text]).blocked
