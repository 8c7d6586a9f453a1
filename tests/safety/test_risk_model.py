"""The trained half of the screen, on a scripted reader: what is read, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tide_chat.errors import EncoderError
from tide_chat.safety.gloss import Gloss, is_spanish
from tide_chat.safety.normalise import normalise
from tide_chat.safety.reading import readable
from tide_chat.safety.risk_model import Part, RiskModel, passages
from tide_chat.safety.rules import load_rules
from tide_chat.safety.screen import Screen
from tide_chat.types import Category, Risk

COLUMNS = [*(f"risk>={n}" for n in (1, 2, 3, 4)), *get_args(Category), "other", "explained"]
THRESHOLDS = {
    "low": 0.5,
    "moderate": 0.5,
    "high": 0.5,
    "imminent": 0.5,
    "explained": 0.5,
}
WINDOWS = {"low": 0.5, "moderate": 0.7, "high": 0.7, "imminent": 0.7}


class ScriptedReader:
    """Gives each text the row that a rule of the test makes of it; keeps what it was asked."""

    name = "scripted@0"

    def __init__(self, rule: Callable[[str], dict[str, float]]) -> None:
        self.card: dict[str, Any] = {
            "columns": COLUMNS,
            "thresholds": THRESHOLDS,
            "windows": WINDOWS,
        }
        self._rule = rule
        self.history: list[str] = []

    def read(self, texts: Sequence[str]) -> Any:
        self.history += texts
        rows = np.zeros((len(texts), len(COLUMNS)), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for column, value in self._rule(text).items():
                row[COLUMNS.index(column)] = value
        return rows


def level(number: int, sure: float = 0.9) -> dict[str, float]:
    return {f"risk>={n}": sure for n in range(1, number + 1)}


def parts(*turns: str) -> list[Part]:
    return [Part(number, 0, normalise(turn)) for number, turn in enumerate(turns)]


def test_a_level_needs_every_lower_one() -> None:
    model = RiskModel(ScriptedReader(lambda _: {"risk>=4": 0.99, "suicide": 0.9}))
    assert model.judge(parts("hello")).findings == ()
    model = RiskModel(ScriptedReader(lambda _: {**level(3), "eating": 0.8, "other": 0.9}))
    (found,) = model.judge(parts("hello there")).findings
    assert (found.risk, found.category, found.subject) == (Risk.HIGH, "eating", "other")
    assert (found.start, found.end, found.rule) == (0, 11, "model.eating")


def test_low_is_a_level_without_a_finding() -> None:
    verdict = RiskModel(ScriptedReader(lambda _: level(1))).judge(parts("hello"))
    assert verdict.findings == () and verdict.otherwise is Risk.LOW


def test_nothing_to_read() -> None:
    reader = ScriptedReader(lambda _: level(4))
    assert RiskModel(reader).judge(parts("", "  ")).score == 0.0
    assert reader.history == []


SENTENCES = "The bus was late. We had soup for dinner. The tap still drips in the bath. " * 5


def test_one_bad_sentence_among_many_is_found_where_it_stands() -> None:
    text = f"{SENTENCES}This one is BAD. {SENTENCES}"
    reader = ScriptedReader(lambda t: level(4) if t.rstrip().endswith("bad.") else level(0))
    (found,) = RiskModel(reader).judge(parts(text)).findings
    assert text[found.start : found.end].strip() == "This one is BAD."
    assert found.risk is Risk.IMMINENT


def test_a_window_needs_more_than_a_whole_message() -> None:
    almost = {**level(4, 0.6)}
    reader = ScriptedReader(lambda t: almost if t.rstrip().endswith("bad.") else level(0))
    assert RiskModel(reader).judge(parts(f"{SENTENCES}This one is BAD. {SENTENCES}")).findings == ()
    assert RiskModel(reader).judge(parts("This one is BAD.")).findings


@given(st.text(max_size=600), st.text(max_size=600))
def test_what_comes_after_never_changes_what_was_read_of_a_turn(first: str, second: str) -> None:
    before, after = (
        [(each.text, each.start, each.end) for each in passages(parts(*turns))]
        for turns in ((first,), (first, second))
    )
    assert after[: len(before)] == before
    assert [each.whole for each in passages(parts(first, second))].count(True) <= 1


@given(st.lists(st.text(max_size=900), max_size=4))
def test_every_stretch_lies_in_its_part(turns: list[str]) -> None:
    for stretch in passages(parts(*turns)):
        assert 0 <= stretch.start < stretch.end <= len(stretch.part.normal.text)


def test_a_huge_message_is_read_in_part() -> None:
    found = passages(parts("A sentence that stands here. " * 700))
    assert len(found) == 400


def test_turns_are_read_together_and_an_explanation_is_a_sign() -> None:
    reader = ScriptedReader(lambda t: {"explained": 0.9} if "[SEP]" in t else {})
    screen = Screen(load_rules(), lambda: RiskModel(reader))
    assert "explained" in screen.screen(["one", "two"]).signs
    assert "explained" not in screen.screen(["one"]).signs
    assert any("one [SEP] two" in text for text in reader.history)


def test_the_higher_of_both_readers_counts() -> None:
    silent = Screen(load_rules(), lambda: RiskModel(ScriptedReader(lambda _: {})))
    assert silent.screen("I'm going to kill myself tonight").risk is Risk.IMMINENT
    loud = Screen(load_rules(), lambda: RiskModel(ScriptedReader(lambda _: level(3))))
    assert loud.screen("The tea was good today.").risk is Risk.HIGH
    assert loud.policy.endswith("+scripted@0")


def test_a_reader_that_fails_is_not_passed_over() -> None:
    class Broken(ScriptedReader):
        def read(self, texts: Sequence[str]) -> Any:
            raise EncoderError("broken")

    screen = Screen(load_rules(), lambda: RiskModel(Broken(lambda _: {})))
    with pytest.raises(EncoderError):
        screen.screen("hello")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("I like the br1dge and the b@t", "i like the bridge and the bat"),
        ("quiero morir esta noche", "i want die is night"),
        ("quizas", "quizas"),
        ("three 🧸 left", "three  teddy bear  left"),
    ],
)
def test_readable(text: str, seen: str) -> None:
    assert readable(normalise(text).text) == seen


def test_languages_are_told_apart() -> None:
    assert is_spanish("no se que hacer con mi vida")
    assert not is_spanish("no me and no he, that is what it was")
    assert (
        Gloss({"hola": "hello"}).english("hola, que tal con la vida")
        == "hello, que tal con la vida"
    )
