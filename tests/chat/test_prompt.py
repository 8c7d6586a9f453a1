"""The prompt's layout, the stances and the voice."""

from __future__ import annotations

import re

import pytest

from tide_chat.chat.prompt import History, notes, opening, prefix
from tide_chat.chat.recall import LazyRecall, Recall
from tide_chat.chat.stance import Stances, language_of
from tide_chat.chat.voice import Voice
from tide_chat.encoder.scripted import ScriptedEncoder
from tide_chat.errors import BadInput, EncoderError, RetrievalError
from tide_chat.safety.guard import Guard
from tide_chat.types import Message, Passage


@pytest.fixture(scope="module")
def stances() -> Stances:
    return Stances.shipped(ScriptedEncoder(512))


def test_a_cue_finds_its_stance_and_nonsense_none(stances: Stances) -> None:
    found = stances.nearest("the nightmares are back, I wake up screaming")
    assert found is not None and found.id == "nightmare"
    assert stances.nearest("qwerty uiop asdf") is None
    assert stances.nearest("qwerty uiop asdf zxcv?") is None


def test_a_statement_near_nothing_is_heard_neutrally(stances: Stances) -> None:
    found = stances.nearest("qwerty uiop asdf zxcv")
    assert found is not None and found.id.startswith("unheard")


def test_a_cue_in_one_sentence_of_a_long_message_is_found(stances: Stances) -> None:
    found = stances.nearest("The zoo opened. " * 3 + "I flinch at every slammed door. Zebras ran.")
    assert found is not None and found.id == "startle"


def every_wording(stances: Stances) -> list[tuple[str, str]]:
    bank = {stance.id: stance for stance in stances._owner}
    return [
        (f"{stance.id}-{language}", " ".join([w.feeling + ".", w.why + ".", w.ask]))
        for stance in bank.values()
        for language in ("en", "es")
        for w in [stance.wording(language)]  # type: ignore[arg-type]
    ]


def test_every_stance_keeps_to_the_voice(stances: Stances) -> None:
    """What the model may repeat word for word passes the guard and the voice's list."""
    guard = Guard.of_rules()
    never = re.compile(r"!|\bjust\b|\bheal|journey|at least|you are safe|\bsorry\b", re.IGNORECASE)
    for name, text in every_wording(stances):
        assert guard.check(text).allowed, name
        assert not never.search(text), name
        assert text.count("?") <= 1, name


def test_the_voice_itself_passes_the_guard() -> None:
    guard = Guard.of_rules()
    voice = Voice.shipped()
    for example in voice.example:
        assert guard.check(example.reply, example.client).allowed, example.reply
    with pytest.raises(BadInput, match="no voice"):
        Voice.shipped("nobody")
    with pytest.raises(BadInput, match="no voice"):
        Voice.shipped("../secret")


def test_notes_lie_before_the_message_and_plain_ones_ask_for_plainness(stances: Stances) -> None:
    stance = stances.nearest("I don't feel anything at all")
    assert stance is not None
    passage = Passage("001-t", "001", "client", "A reply.", 0.8)
    laid = notes(stance, [passage], "en", quote=True)
    assert laid.startswith("[a reply to someone else: A reply.]\n[feeling: numbness")
    assert "client" not in laid
    assert notes(stance, [passage], "es", quote=False).startswith("[feeling: vacío")
    assert notes(None, [], "en", quote=True) == "[answer plainly]"
    small = stances.nearest("ok")
    assert small is not None and small.plain
    assert notes(small, [passage], "en", quote=True) == "[answer plainly]"


def test_openings_take_turns_and_never_repeat_the_last(stances: Stances) -> None:
    voice = Voice.shipped()
    stance = stances.nearest("I don't feel anything at all")
    previous, seen = "", set()
    for turn in range(20):
        stem = opening(voice, stance, "en", turn=turn, previous=previous)
        assert stem and not previous.startswith(stem)
        seen.add(stem)
        previous = f"{stem} fear in that."
    assert seen == set(voice.stems)
    assert opening(voice, None, "en", turn=1, previous="") == ""
    assert opening(voice, stance, "es", turn=1, previous="") in voice.stems_es


def test_a_prompt_that_fits_drops_nothing() -> None:
    history = History(Voice.shipped())
    history.add("one", "reply one")

    def count(messages: object) -> int:
        return len(messages) * 10  # type: ignore[arg-type]

    draft = history.draft("two", "There is", room=10_000, count=count)
    assert draft.dropped == 0
    assert draft.messages[: len(prefix(history.voice))] == prefix(history.voice)
    assert draft.messages[-2:] == (Message("user", "two"), Message("assistant", "There is"))


def test_a_prompt_too_long_even_alone_keeps_the_newest() -> None:
    history = History(Voice.shipped())
    history.add("one", "reply one")
    draft = history.draft("two", "", room=1, count=len)
    assert draft.dropped == 1 and draft.messages[-1] == Message("user", "two")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("no puedo dormir desde el terremoto", "es"),
        ("I can't sleep since the earthquake", "en"),
        ("¿qué hora es?", "es"),
        ("", "en"),
        ("12345", "en"),
        ("my abuela said no te preocupes and then she cried all day in the kitchen", "en"),
    ],
)
def test_the_language_of_a_message(text: str, language: str) -> None:
    assert language_of(text) == language
    assert language_of("", "es") == "es"


def test_a_recall_that_cannot_load_says_so_each_time() -> None:
    tries = []

    def broken() -> Recall:
        tries.append(1)
        raise EncoderError("no encoder")

    lazy = LazyRecall(broken)
    for _ in range(2):
        with pytest.raises(RetrievalError, match="no encoder"):
            lazy.bring_up("hello")
    assert tries == [1]
    assert lazy.versions == {}


def test_a_recall_loads_once(stances: Stances) -> None:
    made = []

    def opening_it() -> Recall:
        made.append(1)
        return Recall(None, stances, {"stances": stances.version})

    lazy = LazyRecall(opening_it)
    assert lazy.bring_up("I don't feel anything at all").stance is not None
    lazy.bring_up("again")
    assert made == [1] and lazy.versions == {"stances": "1"}
