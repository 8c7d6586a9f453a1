"""Twenty varied messages on the real 0.5B model, held against mechanical checks.

The messages are not the ones prompt and stances were first tuned on; after a first reading of their
replies the bar for a stance was raised and copied sentences were dropped. The checks say nothing of
whether a reply is good, only that it is fit to be shown: it speaks to the person, leaks nothing,
promises nothing, and is short.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import MODEL_ID
from tide_chat.chat.companion import Companion
from tide_chat.types import Reply

pytestmark = pytest.mark.model

MESSAGES = (
    "The smoke alarm went off while I was frying onions and I was out on the street in my socks.",
    "i cant do the school run anymore. theres a white van parked there every morning",
    "Slept from two till four. Then the ceiling.",
    "My daughter asked why I always sit facing the door and I told her I like the view.",
    "You would not believe how good the tea was today. First thing I have tasted in weeks.",
    "they gave me a medal for it. I keep it in the drawer with the batteries",
    "Is it true that memory gets worse after something like this?",
    "I don't want tips. I want somebody to hear that it was awful.",
    "What time zone is Nairobi in?",
    "I said sorry to the wall when I bumped into it. That's how I was brought up.",
    "hey",
    "My mates from the regiment meet every November. I've not gone once in eleven years.",
    "she forgave me. the mother. she hugged me at the hearing and I wanted to be hit instead",
    "Are you recording this?",
    "Work says I can come back half days. I cried in the car park, and not because I was happy.",
    "desde el accidente no puedo conducir, mi marido me lleva a todas partes y me da vergüenza",
    "Every time the phone rings after nine my hands go cold.",
    "I laughed at a funeral last week. Out loud. My cousins won't speak to me.",
    "I read your last answer three times. I don't know what to do with it.",
    "The dog died on Sunday. He was the only one who slept through my nightmares with me.",
)

LEAKS = re.compile(
    r"\[|\]|feeling:|why:|ask:|answer plainly|the notes|<\||\|>|system prompt|as an ai|"
    r"language model|the user|the client|the person (?:is|feels|seems)|someone else:",
    re.IGNORECASE,
)
THIRD_PERSON = re.compile(
    r"^(?:he|she|they|the person|this person|the writer) (?:is|are|seems?|feels?|sounds?)\b",
    re.IGNORECASE,
)
PROMISES = re.compile(
    r"\byou(?:'re| are) safe\b|everything will be|i(?:'ll| will) (?:call|watch|remember)|"
    r"i know (?:exactly )?how you feel|i(?:'ve| have) been there|so sorry to hear",
    re.IGNORECASE,
)
LISTS = re.compile(r"^\s*(?:[-*•#]|\d+[.)])\s", re.MULTILINE)


@dataclass(frozen=True)
class Answered:
    message: str
    reply: Reply


@pytest.fixture(scope="module")
def answers(real_home: Path) -> Iterator[dict[str, Answered]]:
    patch = pytest.MonkeyPatch()
    patch.setenv("TIDE_HOME", str(real_home))
    companion = Companion.open(MODEL_ID)
    companion.warm()
    yield {
        message: Answered(message, companion.conversation(seed=number).ask(message))
        for number, message in enumerate(MESSAGES)
    }
    companion.close()
    patch.undo()


@pytest.mark.parametrize("message", MESSAGES)
def test_a_reply_is_fit_to_be_shown(answers: dict[str, Answered], message: str) -> None:
    reply = answers[message].reply
    text = reply.text
    assert reply.outcome in {"model", "repaired", "replaced"}, reply.record.failed
    assert text.strip()
    assert not LEAKS.search(text), text
    assert not THIRD_PERSON.search(text), text
    assert not PROMISES.search(text), text
    assert not LISTS.search(text), text
    assert "!" not in text and text.count("?") <= 1, text
    assert len(text.split()) <= 90, text


def test_most_replies_are_the_models_own_and_speak_to_the_person(
    answers: dict[str, Answered],
) -> None:
    own = [a for a in answers.values() if a.reply.outcome in {"model", "repaired"}]
    assert len(own) >= 16
    heard = [a for a in own if a.reply.record.stance not in {None, "small-talk", "off-topic"}]
    addressed = [
        a for a in heard if re.search(r"\b(?:you|your|tu|te|ti|tú)\b", a.reply.text.lower())
    ]
    assert len(heard) >= 10
    assert len(addressed) >= 0.8 * len(heard)


def test_openings_vary(answers: dict[str, Answered]) -> None:
    openings = [" ".join(a.reply.text.split()[:3]) for a in answers.values()]
    assert len(set(openings)) >= 8
