"""The shaper: whole sentences, no echoes, one question, then stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tide_chat.chat.shape import Shaper, echoes


def shape(draft: str, message: str = "", size: int = 3) -> str:
    shaper = Shaper(message)
    out = "".join(shaper.feed(draft[i : i + size]) for i in range(0, len(draft), size))
    return out + shaper.finish()


@pytest.mark.parametrize(
    ("sentence", "message", "is_echo"),
    [
        ("I still smell the theatre.", "Nobody asked. I still smell the theatre.", True),
        ("My kid dropped a pan and I hit the floor.", "my kid dropped a pan and I hit it", True),
        ("You still smell the theatre.", "I still smell the theatre.", False),
        ("I'm a program on your computer.", "are you a person", False),
        ("The fridge hums like the generator did.", "the fridge hums like the generator did", True),
        ("The fridge hums, and you are back there.", "the fridge hums like it did", False),
        ('You wrote "I still smell the theatre" and stopped.', "I still smell the theatre", False),
        ("Nine years on Friday is close.", "It will be nine years on Friday, I know.", False),
        ("No puedo dormir desde entonces, y mi cama tiembla.", "mi cama tiembla siempre", True),
    ],
)
def test_echoes(sentence: str, message: str, is_echo: bool) -> None:
    assert echoes(sentence, message) is is_echo


def test_an_echo_is_left_out_and_the_rest_stands() -> None:
    draft = "There is anger in that. I still smell the theatre. It stays in the senses."
    assert shape(draft, "I still smell the theatre") == (
        "There is anger in that. It stays in the senses."
    )


def test_a_question_ends_a_reply_that_has_said_enough() -> None:
    draft = (
        "There is fear in that, and being worn out from a night like this one has been. "
        "Your body needs hours to believe it is over. How is the room now? And what then? More."
    )
    assert shape(draft).endswith("How is the room now?")


def test_a_second_question_is_left_out() -> None:
    assert shape("Who? When? You sound tired.") == "Who? You sound tired."


def test_a_long_reply_stops_at_a_sentence_end() -> None:
    out = shape("You said this once before today and it is here. " * 3 + "Word " * 90 + ". " * 3)
    assert out.count("once before") == 1


def test_what_was_written_for_somebody_else_is_not_taken_over() -> None:
    foreign = ["The wallpaper will do fine. You were stuck up a ladder with little brown urns."]
    shaper = Shaper("the lights again", foreign)
    out = shaper.feed("There is dread in that. You were stuck up a ladder. It stays a while. ")
    assert out + shaper.finish() == "There is dread in that. It stays a while."


def test_repeated_sentences_and_shouting_go() -> None:
    assert shape("You did it! You did it! It cost you.") == "You did it. It cost you."


def test_a_sentence_that_was_part_of_one_before_goes() -> None:
    draft = "Under that there is a van, and you cannot do the run. There is a van. It stays."
    assert shape(draft) == "Under that there is a van, and you cannot do the run. It stays."


def test_half_a_sentence_is_dropped_unless_it_is_all_there_is() -> None:
    assert shape("You sound tired. And the night was") == "You sound tired."
    assert shape("You sound tired and the") == "You sound tired and the"


def test_abbreviations_do_not_end_sentences() -> None:
    assert shape("It is 3 a.m. and you are up. Go on.") == "It is 3 a.m. and you are up. Go on."


@given(st.text(max_size=400), st.integers(1, 9), st.text(max_size=60))
def test_chunking_never_changes_the_outcome(draft: str, size: int, message: str) -> None:
    assert shape(draft, message, size) == shape(draft, message, max(1, len(draft)))


@given(st.lists(st.sampled_from(["Why now? ", "You wait. ", "Stop! ", "And then? ", "Who?! "])))
def test_one_sentence_that_asks_and_none_that_shouts(sentences: list[str]) -> None:
    out = shape("".join(sentences))
    assert "!" not in out
    assert out.count("?") <= 1
