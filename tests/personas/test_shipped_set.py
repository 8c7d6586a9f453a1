"""The shipped personas: shape, wording, openings, splits and spread."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parents[2] / "personas"
IDS = [f"{number:03d}" for number in range(1, 27)]
SLUG = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
WORDS = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
TEXTS = (
    "name",
    "gender",
    "occupation",
    "education",
    "culture",
    "family",
    "trauma_type",
    "time_since",
    "speech_style",
)
LISTS = ("co_occurring", "strengths", "supports", "helps", "grates")
SYMPTOMS = {"intrusion", "avoidance", "cognition_mood", "arousal"}
BANNED = [
    r"sorry to hear",
    r"\b(?:it's|it is) ok(?:ay)? to not be ok(?:ay)?",
    r"\bso strong\b",
    r"everything happens for a reason",
    r"\bat least\b",
    r"\bjust\b",
    r"thank you for (?:sharing|your service)",
    r"\bI understand\b",
    r"\bI know (?:exactly )?how\b",
    r"\byou(?:'re| are) safe\b",
    r"\bjourney",
    r"\bheal(?:s|ed|ing)?\b",
    r"\bI feel\b",
    r"\bI've been there\b",
    r"\bthe user\b",
    r"\bhave you (?:tried|considered)\b",
    r"^\s*(?:[-*#•]|\d+[.)])",
    r"\*\*",
]
BANNED_RE = [re.compile(pattern, re.IGNORECASE | re.MULTILINE) for pattern in BANNED]
EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def turns(persona: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = load(
        HERE / "conversations" / f"{persona}_conversation.json"
    )["conversations"]
    return found


def exchanges() -> list[tuple[str, dict[str, str]]]:
    return [
        (f"{path.name[:3]}-{key}", turn)
        for path in sorted((HERE / "conversations").glob("*_conversation.json"))
        for key, turn in turns(path.name[:3]).items()
    ]


def trauma_of(persona: str) -> str:
    return str(load(HERE / "metadata" / f"{persona}_metadata.json")["trauma_type"])


def test_files_are_exactly_the_26() -> None:
    metadata = sorted(path.name for path in (HERE / "metadata").iterdir())
    conversations = sorted(path.name for path in (HERE / "conversations").iterdir())
    assert metadata == [f"{persona}_metadata.json" for persona in IDS]
    assert conversations == [f"{persona}_conversation.json" for persona in IDS]


@pytest.mark.parametrize("persona", IDS)
def test_metadata_schema(persona: str) -> None:
    data = load(HERE / "metadata" / f"{persona}_metadata.json")
    assert set(data) == {"persona", "age", "symptoms", *TEXTS, *LISTS}
    assert data["persona"] == persona
    assert type(data["age"]) is int
    assert 18 <= data["age"] <= 85
    for key in TEXTS:
        assert isinstance(data[key], str), key
        assert data[key].strip(), key
    assert SLUG.fullmatch(data["trauma_type"])
    assert set(data["symptoms"]) == SYMPTOMS
    for key, values in [*((key, data[key]) for key in LISTS), *data["symptoms"].items()]:
        assert isinstance(values, list), key
        assert all(isinstance(value, str) and value.strip() for value in values), key


@pytest.mark.parametrize("persona", IDS)
def test_conversation_schema(persona: str) -> None:
    data = load(HERE / "conversations" / f"{persona}_conversation.json")
    assert set(data) == {"conversations"}
    found = data["conversations"]
    assert list(found) == ["turn_1", "turn_2", "turn_3"]
    for turn in found.values():
        assert set(turn) == {"scenario", "client", "chatbot"}
        assert SLUG.fullmatch(turn["scenario"])
        assert turn["client"].strip()
        assert turn["chatbot"].strip()
    assert len({turn["scenario"] for turn in found.values()}) == 3


@pytest.mark.parametrize("persona", IDS)
def test_word_bounds(persona: str) -> None:
    for key, turn in turns(persona).items():
        assert 15 <= len(turn["client"].split()) <= 120, key
        assert 35 <= len(turn["chatbot"].split()) <= 90, key


@pytest.mark.parametrize("persona", IDS)
def test_reply_wording(persona: str) -> None:
    for key, turn in turns(persona).items():
        reply = turn["chatbot"].replace("’", "'")
        found = [rule.pattern for rule in BANNED_RE if rule.search(reply)]
        assert not found, (key, found)
        assert reply.count("?") <= 1, key
        assert "!" not in reply, key
        assert "¡" not in reply, key
        assert not EMOJI.search(reply), key


def test_no_two_replies_share_a_five_word_opening() -> None:
    openings = Counter(
        " ".join(WORDS.findall(turn["chatbot"].lower())[:5]) for _, turn in exchanges()
    )
    assert [opening for opening, count in openings.items() if count > 1] == []


def test_sounds_like_opens_at_most_one_reply_in_eight() -> None:
    replies = [turn["chatbot"].lower() for _, turn in exchanges()]
    assert sum(reply.startswith("it sounds like") for reply in replies) * 8 <= len(replies)


def test_no_message_or_reply_twice() -> None:
    for side in ("client", "chatbot"):
        said = [turn[side].strip().lower() for _, turn in exchanges()]
        assert len(said) == len(set(said)), side


def test_splits_cover_every_persona_once() -> None:
    splits = load(HERE / "splits.json")
    assert set(splits) == {"seed", "by", "train", "dev", "test"}
    assert (splits["seed"], splits["by"]) == (42, "persona")
    assert [len(splits[name]) for name in ("train", "dev", "test")] == [18, 3, 5]
    assert sorted([*splits["train"], *splits["dev"], *splits["test"]]) == IDS


def test_splits_come_from_the_stated_shuffle() -> None:
    splits = load(HERE / "splits.json")
    order = sorted(IDS)
    random.Random(42).shuffle(order)
    assert splits["train"] == sorted(order[:18])
    assert splits["dev"] == sorted(order[18:21])
    assert splits["test"] == sorted(order[21:])


def test_spread() -> None:
    types = Counter(trauma_of(label[:3]) for label, _ in exchanges())
    assert sum(types.values()) >= 60
    assert len(types) >= 18
    assert types["combat"] / sum(types.values()) <= 0.15
