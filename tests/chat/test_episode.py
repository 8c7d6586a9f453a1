"""Danger has a memory: it rises at once, falls on an explanation or with time, not on a denial."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.chat.parts import FakeGuard
from tide_chat.chat import conversation as conversations
from tide_chat.chat.companion import Companion
from tide_chat.chat.conversation import Conversation
from tide_chat.chat.episode import FADE_SECONDS, FADE_TURNS, FOLLOW_UP_TURNS, Course, Episode
from tide_chat.chat.referrals import Referrals
from tide_chat.engine.scripted import ScriptedEngine
from tide_chat.safety.screen import Screen
from tide_chat.types import (
    Category,
    Finding,
    HelpOffered,
    Notice,
    Replied,
    Risk,
    Screening,
    Sign,
)

GOOD = "That night is still in the room with you, and the door is part of it. What do you hear now?"


def screening(
    risk: Risk, *signs: Sign, category: Category = "suicide", subject: str = "self"
) -> Screening:
    found = (Finding("fake", category, risk, 0, 1, subject),) if risk else ()  # type: ignore[arg-type]
    return Screening(risk, (category,) if risk else (), found, 0.5, "fake", signs)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def hear(*heard: Screening) -> list[Course]:
    episode = Episode(Clock())
    return [episode.hear(each).course for each in heard]


CALM = screening(Risk.NONE)


def test_it_rises_at_once_and_a_card_is_not_shown_twice() -> None:
    high, imminent = screening(Risk.HIGH), screening(Risk.IMMINENT)
    assert hear(high, high, imminent, imminent, high) == [
        "crisis",
        "repeat",
        "crisis",
        "repeat",
        "repeat",
    ]


def test_another_kind_of_danger_gets_its_own_card() -> None:
    abuse = screening(Risk.HIGH, category="abuse_ongoing")
    assert hear(screening(Risk.HIGH), abuse) == ["crisis", "crisis"]


def test_a_denial_is_answered_once_and_lowers_nothing() -> None:
    episode = Episode(Clock())
    episode.hear(screening(Risk.IMMINENT))
    denied = screening(Risk.NONE, "denied")
    assert episode.hear(denied).course == "denied"
    assert episode.level is Risk.IMMINENT
    assert episode.hear(denied).course == "open"
    assert episode.level is Risk.IMMINENT


def test_an_explanation_ends_the_episode() -> None:
    episode = Episode(Clock())
    episode.hear(screening(Risk.HIGH))
    assert episode.hear(screening(Risk.LOW, "explained")).course == "explained"
    assert episode.level is Risk.NONE
    assert episode.hear(screening(Risk.HIGH)).course == "crisis"


def test_an_explanation_that_is_itself_grave_ends_nothing() -> None:
    episode = Episode(Clock())
    episode.hear(screening(Risk.HIGH))
    assert episode.hear(screening(Risk.IMMINENT, "explained")).course == "crisis"
    assert episode.level is Risk.IMMINENT


def test_without_an_alarm_the_signs_mean_nothing() -> None:
    signs = ("explained", "denied", "reached", "calm")
    assert [hear(screening(Risk.NONE, sign)) for sign in signs] == [["open"]] * 4


def test_a_sudden_calm_is_asked_about_and_only_after_talk_of_dying() -> None:
    calm = screening(Risk.NONE, "calm")
    assert hear(screening(Risk.MODERATE), calm, calm) == ["care", "calm", "open"]
    abuse = screening(Risk.HIGH, category="abuse_ongoing")
    assert hear(abuse, calm) == ["crisis", "open"]


def test_somebody_reached_is_met_once() -> None:
    reached = screening(Risk.NONE, "reached")
    assert hear(screening(Risk.HIGH), reached, reached) == ["crisis", "reached", "open"]
    assert hear(screening(Risk.MODERATE), reached) == ["care", "open"]


YES, NO = screening(Risk.NONE, "affirmed"), screening(Risk.NONE, "negated")


def test_a_yes_to_the_gentle_question_is_a_disclosure() -> None:
    episode = Episode(Clock())
    episode.hear(screening(Risk.MODERATE))
    heard = episode.hear(YES)
    assert heard.course == "crisis"
    assert heard.screening.risk is Risk.HIGH and heard.screening.categories == ("suicide",)
    again = episode.hear(YES)
    assert again.course == "crisis" and again.screening.risk is Risk.IMMINENT


def test_a_no_to_the_gentle_question_answers_it_and_after_a_card_denies() -> None:
    assert hear(screening(Risk.MODERATE), NO, CALM) == ["care", "open", "open"]
    assert hear(screening(Risk.HIGH), NO) == ["crisis", "denied"]


def test_a_yes_elsewhere_means_nothing_and_after_the_follow_up_that_somebody_was_reached() -> None:
    assert hear(YES, NO) == ["open", "open"]
    turns = [screening(Risk.HIGH), *[CALM] * (FOLLOW_UP_TURNS + 1), YES]
    assert hear(*turns)[-2:] == ["follow_up", "reached"]
    flashback = screening(Risk.MODERATE, category="dissociation")
    assert hear(flashback, YES) == ["care", "open"]


def test_the_question_comes_back_once() -> None:
    turns = [screening(Risk.HIGH), *[CALM] * (FOLLOW_UP_TURNS + 3)]
    courses = hear(*turns)
    assert courses.count("follow_up") == 1
    assert courses[FOLLOW_UP_TURNS + 1] == "follow_up"


def test_the_same_gentle_question_is_not_put_twice() -> None:
    assert hear(screening(Risk.MODERATE), screening(Risk.MODERATE)) == ["care", "open"]


def test_quiet_turns_lower_it_by_one_level() -> None:
    episode = Episode(Clock())
    episode.hear(screening(Risk.IMMINENT))
    for _ in range(FADE_TURNS):
        episode.hear(CALM)
    assert episode.level is Risk.IMMINENT
    episode.hear(CALM)
    assert episode.level is Risk.HIGH


def test_a_long_silence_lowers_it_and_in_the_end_closes_it() -> None:
    clock = Clock()
    episode = Episode(clock)
    episode.hear(screening(Risk.HIGH))
    clock.now += FADE_SECONDS
    episode.hear(CALM)
    assert episode.level is Risk.MODERATE
    clock.now += FADE_SECONDS * 2
    assert episode.hear(screening(Risk.HIGH)).course == "crisis"


# --- in a conversation, with the shipped screen and texts -----------------------------------------


def talk(*replies: str, referrals: Referrals | None = None) -> Conversation:
    engine = ScriptedEngine(list(replies) or [GOOD] * 12)
    companion = Companion(
        engine,
        screen=Screen.shipped(),
        guard=FakeGuard(),  # type: ignore[arg-type]
        referrals=referrals,
    )
    return companion.conversation(country="US", seed=1)


def outcomes(conversation: Conversation, messages: Sequence[str]) -> list[str]:
    return [conversation.ask(message).outcome for message in messages]


def test_a_denial_after_disclosure_keeps_the_line_in_sight() -> None:
    conversation = talk()
    first = conversation.ask("I'm going to kill myself tonight, I have the pills here")
    second = conversation.ask("forget it, I'm fine, just venting")
    assert (first.outcome, second.outcome) == ("crisis", "care")
    assert "still counts" in second.text and "988" in second.text


def test_an_explanation_is_accepted_and_the_talk_goes_on() -> None:
    conversation = talk()
    said = [
        "I want to kill myself",
        "you misunderstood, that was a line from the play",
        "so, rehearsal",
    ]
    assert outcomes(conversation, said)[1:] == ["care", "model"]


def test_taking_an_alarm_back_by_hand() -> None:
    conversation = talk()
    conversation.ask("I want to kill myself tonight")
    conversation.misunderstood()
    assert conversation.ask("I'm fine, really").outcome == "model"


def test_the_question_stands_apart_from_the_reply() -> None:
    conversation = talk()
    conversation.ask("I want to kill myself tonight")
    for _ in range(FOLLOW_UP_TURNS):
        conversation.ask("the cat is on the table")
    events = list(conversation.stream("it rained all day"))
    card = next(event for event in events if isinstance(event, HelpOffered))
    assert not card.whole_reply and "Were you able to reach someone?" in card.text
    assert isinstance(events[-1], Replied) and events[-1].reply.outcome == "model"


def test_every_number_a_text_names_is_shown_large_too() -> None:
    conversation = talk()
    conversation.ask("I want to kill myself tonight")
    reached = conversation.ask("my sister is on her way")
    assert "911" in reached.text and reached.record.help_lines == ("us-911",)
    denied = conversation.ask("forget it")
    assert "988" in denied.text and denied.record.help_lines == ("us-988",)


def test_the_third_text_differs_from_the_second() -> None:
    conversation = talk()
    texts = [conversation.ask("I want to kill myself tonight").text for _ in range(4)]
    assert len(set(texts[:3])) == 3
    assert texts[1] == texts[3]


def test_what_was_taken_and_who_is_young_choose_the_text() -> None:
    overdose = talk().ask("I just took all of my pills, I want to die")
    assert "what was taken, how much and when" in overdose.text
    minor = talk().ask("im 14 and i want to kill myself")
    assert "grown-up" in minor.text


def test_new_york_is_said_again_after_three_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(conversations.time, "monotonic", clock)
    conversation = talk()
    before = list(conversation.stream("the cat is on the table"))
    clock.now += 3 * 3600
    after = list(conversation.stream("the cat is on the table"))
    again = list(conversation.stream("the cat is on the table"))
    notices = [[e for e in events if isinstance(e, Notice)] for events in (before, after, again)]
    assert [len(each) for each in notices] == [0, 1, 0]
    assert "IS A COMPUTER PROGRAM" in notices[1][0].text


# --- the count ------------------------------------------------------------------------------------


def test_referrals_are_counted_by_year_and_hold_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "referrals.json"
    conversation = talk(referrals=Referrals(file))
    conversation.ask("I want to kill myself tonight, zebra")
    conversation.ask("the cat is on the table")
    year = datetime.now(UTC).year
    assert json.loads(file.read_text(encoding="utf-8")) == {str(year): 1}
    assert Referrals(file).by_year() == {year: 1}
    Referrals(file).erase()
    assert Referrals(file).by_year() == {}


@pytest.mark.parametrize("content", ["", "[]", '{"2026": "many"}', "nonsense", "3"])
def test_a_broken_count_begins_again(tmp_path: Path, content: str) -> None:
    file = tmp_path / "referrals.json"
    file.write_text(content, encoding="utf-8")
    assert Referrals(file).by_year() == {}
    Referrals(file).add()
    assert Referrals(file).by_year() == {datetime.now(UTC).year: 1}


def test_a_count_that_cannot_be_written_never_stands_in_the_way(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    conversation = talk(referrals=Referrals(blocked / "referrals.json"))
    assert conversation.ask("I want to kill myself tonight").outcome == "crisis"
