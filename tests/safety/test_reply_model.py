"""The trained half of the guard, on a scripted reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tide_chat.safety.guard import Guard
from tide_chat.safety.guard_rules import read_rules
from tide_chat.safety.reply_model import ReplyModel, reply_text
from tide_chat.shipped import shipped
from tide_chat.types import GuardAct

COLUMNS = ["bad", *get_args(GuardAct)]


class ScriptedReader:
    """Calls a text bad whose last piece holds "pebble"; keeps what it was asked."""

    name = "scripted@0"

    def __init__(self) -> None:
        self.card: dict[str, Any] = {"columns": COLUMNS, "thresholds": {"bad": 0.5, "doubt": 0.3}}
        self.history: list[str] = []

    def read(self, texts: Sequence[str]) -> Any:
        self.history += texts
        rows = np.zeros((len(texts), len(COLUMNS)), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            last = text.split("[SEP]")[-1]
            row[0] = 0.9 if "pebble" in last else 0.4 if "velvet" in last else 0.1
            row[COLUMNS.index("blame")] = 0.8
        return rows


READER = ScriptedReader()
GUARD = Guard(read_rules(shipped("safety") / "guard"), lambda: ReplyModel(READER))

WORDS = [
    "That door, ",
    "is heavy. ",
    "a pebble ",
    "in the shoe. ",
    "What then? ",
    "Yes",
    "\n",
    "three, ",
]
drafts = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)


def test_a_sentence_is_read_with_the_message_and_what_came_before() -> None:
    READER.history.clear()
    verdict = GUARD.check("That door is heavy. It has a pebble in it. What then?", "My shoe hurts")
    assert [finding.rule for finding in verdict.findings] == ["model.blame"]
    (finding,) = verdict.findings
    assert (finding.act, finding.start, finding.end) == ("blame", 20, 42)
    assert READER.history[0] == "my shoe hurts [SEP]  [SEP] that door is heavy."
    assert (
        READER.history[1] == "my shoe hurts [SEP] that door is heavy. [SEP] it has a pebble in it."
    )
    assert GUARD.policy.endswith("+scripted@0")


def test_nothing_of_a_sentence_is_shown_before_its_end() -> None:
    watch = GUARD.watch()
    assert watch.feed("That door, and ") == ""
    assert watch.feed("the key. A pebble, ") == "That door, and the key. "
    assert watch.feed("there. More") == ""
    assert watch.blocked and watch.finish() == ""


@settings(deadline=None)
@given(drafts, st.lists(st.integers(0, 120), max_size=8))
def test_pieces_change_nothing_and_no_flagged_sentence_is_shown(text: str, cuts: list[int]) -> None:
    places = sorted(min(cut, len(text)) for cut in cuts)
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    outcomes = []
    for given_pieces in ([text], pieces, list(text)):
        watch = GUARD.watch()
        shown = "".join(watch.feed(piece) for piece in given_pieces) + watch.finish()
        outcomes.append((shown, watch.blocked, watch.findings))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    verdict = GUARD.check(text)
    shown, blocked, findings = outcomes[0]
    assert blocked is not verdict.allowed and text.startswith(shown)
    assert findings == verdict.findings[: len(findings)]
    assert all(finding.end > len(shown) for finding in verdict.findings)


def test_long_messages_and_replies_are_read_at_their_ends() -> None:
    text = reply_text("a" * 500 + " end", "b" * 500 + " late", "now.")
    assert len(text) < 500 and "end [SEP]" in text and text.endswith("late [SEP] now.")


def test_a_weak_rule_counts_only_where_the_classifier_doubts_the_sentence() -> None:
    sure, unsure = "I danced with it, all night.", "I danced in velvet, all night."
    assert not Guard.of_rules().check(sure).allowed
    assert GUARD.check(sure).allowed
    (finding,) = GUARD.check(unsure).findings
    assert finding.rule == "guard.humanity.first_person"
    watch = GUARD.watch()
    assert watch.feed(unsure + " Then what?") == "" and watch.blocked
