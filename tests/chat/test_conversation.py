"""A turn from message to reply, with scripted parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chat.parts import FakeGuard, FakeRecall, FakeScreen
from tide_chat.chat.companion import Companion
from tide_chat.chat.conversation import Conversation
from tide_chat.engine.scripted import ScriptedEngine
from tide_chat.errors import EngineError, RetrievalError
from tide_chat.safety.help_lines import HelpLines
from tide_chat.types import (
    CancelToken,
    Event,
    HelpOffered,
    Released,
    Replied,
    Reply,
    Retracted,
    Retrieved,
    Risk,
    Screened,
)

GOOD = "There is fear in that, and being worn out. Your body needs hours to believe it is over."


def make(*replies: str | Exception, **parts: Any) -> tuple[Conversation, ScriptedEngine]:
    engine = ScriptedEngine(replies)
    parts.setdefault("screen", FakeScreen())
    parts.setdefault("guard", FakeGuard())
    companion = Companion(engine, **parts)
    return companion.conversation(country="IE", seed=7), engine


def shown(events: list[Event]) -> str:
    """What stands on the screen after the events, as an interface would show it."""
    text = ""
    for event in events:
        match event:
            case Released(words):
                text += words
            case Retracted(replacement):
                text = replacement
            case HelpOffered(words):
                text += words
    return text


def last(events: list[Event]) -> Reply:
    assert isinstance(events[-1], Replied)
    assert not any(isinstance(event, Replied) for event in events[:-1])
    return events[-1].reply


def test_an_ordinary_turn_yields_its_events_in_order() -> None:
    conversation, engine = make(GOOD, recall=FakeRecall())
    events = list(conversation.stream("I dreamed of the crash again"))
    kinds = [type(event) for event in events]
    assert kinds[:2] == [Screened, Retrieved]
    assert set(kinds[2:-1]) == {Released}
    reply = last(events)
    assert reply.text == shown(events) == GOOD
    assert reply.outcome == "model" and reply.risk is Risk.NONE
    record = reply.record
    assert record.passages == (("001-turn_1", 0.8),)
    assert record.finish == "stop" and record.failed == ()
    assert record.usage.prompt_tokens > 0
    assert {"screen", "retrieve", "first_token", "first_words", "total"} <= record.timings.keys()
    assert record.versions["screen"] == "fake-screen" and record.versions["encoder"] == "fake"
    assert record.seed == engine.samplings[0].seed


def test_a_withheld_reply_is_tried_once_more_and_the_second_stands() -> None:
    conversation, engine = make("Fine so far. This is BAD.", GOOD)
    events = list(conversation.stream("hello there"))
    reply = last(events)
    assert reply.outcome == "repaired"
    assert shown(events) == reply.text == GOOD
    assert len(engine.history) == 2
    assert engine.samplings[0].seed != engine.samplings[1].seed
    assert [finding.rule for finding in reply.record.guard] == ["fake"]
    assert any(isinstance(event, Retracted) for event in events)


def test_a_reply_withheld_twice_is_replaced_by_fixed_text() -> None:
    conversation, _ = make("This is BAD.", "BAD again.", GOOD)
    events = list(conversation.stream("hello there"))
    reply = last(events)
    assert reply.outcome == "replaced"
    assert shown(events) == reply.text
    assert "BAD" not in reply.text and len(reply.text) > 40
    follow = conversation.ask("go on")
    assert follow.outcome == "model"


def test_history_holds_what_was_shown_never_what_was_withheld() -> None:
    conversation, engine = make("First. BAD word.", "Second try, all fine.", GOOD)
    conversation.ask("one")
    conversation.ask("two")
    seen = " ".join(message.content for message in engine.history[-1])
    assert "Second try" in seen and "BAD" not in seen


def test_prompts_only_ever_grow() -> None:
    conversation, engine = make(*[GOOD] * 4, recall=FakeRecall())
    for text in ("one thing", "another thing", "a third", "a fourth"):
        conversation.ask(text)
    for earlier, later in zip(engine.history, engine.history[1:], strict=False):
        # The reply that was begun is replaced by the reply that was shown; all before it stands.
        stem = 1 if earlier[-1].role == "assistant" else 0
        kept = earlier[: len(earlier) - stem]
        assert later[: len(kept)] == kept


def test_old_turns_are_dropped_whole_and_in_bulk() -> None:
    engine = ScriptedEngine(default=GOOD, context_tokens=900)
    companion = Companion(engine, screen=FakeScreen(), guard=FakeGuard())  # type: ignore[arg-type]
    conversation = companion.conversation(seed=1)
    dropped = [
        conversation.ask(f"message {n} " + "word " * 30).record.trimmed_turns for n in range(16)
    ]
    assert dropped[-1] > 0
    changes = [b - a for a, b in zip(dropped, dropped[1:], strict=False) if b != a]
    assert all(change >= 2 for change in changes)
    assert len(changes) <= 4
    newest = engine.history[-1]
    assert any("message 15" in message.content for message in newest)
    assert newest[0].role == "system"


def test_the_same_seed_gives_the_same_turns() -> None:
    seeds = []
    for _ in range(2):
        conversation, engine = make(GOOD, GOOD)
        conversation.ask("a")
        conversation.ask("b")
        seeds.append([sampling.seed for sampling in engine.samplings])
    assert seeds[0] == seeds[1] and seeds[0][0] != seeds[0][1]


def test_cancelling_keeps_what_was_shown_and_says_so() -> None:
    cancel = CancelToken()
    conversation, engine = make(
        "There is one sentence here. And a second one that nobody will see today.", GOOD
    )
    events = []
    for event in conversation.stream("hello there", cancel):
        events.append(event)
        if isinstance(event, Released):
            cancel.cancel()
    reply = last(events)
    assert reply.outcome == "cancelled"
    assert reply.text == "There is one sentence here."
    assert conversation.ask("and now").outcome == "model"
    assert any("one sentence here" in m.content for m in engine.history[-1])


def test_cancelled_before_the_first_word_leaves_no_trace_in_history() -> None:
    cancel = CancelToken()
    cancel.cancel()
    conversation, engine = make(GOOD, GOOD)
    assert conversation.ask("secret words", cancel).outcome == "cancelled"
    conversation.ask("hello")
    assert not any("secret" in message.content for message in engine.history[-1])


def test_an_empty_message_is_met_without_the_model() -> None:
    conversation, engine = make(GOOD)
    reply = conversation.ask("  \n ")
    assert reply.outcome == "fallback" and reply.text
    assert engine.history == []


def test_a_very_long_message_is_screened_whole_and_laid_out_in_part() -> None:
    conversation, engine = make(GOOD)
    long = "It rained all day. " * 100_000
    assert conversation.ask(long).outcome == "model"
    assert sum(len(message.content) for message in engine.history[0]) < 20_000
    assert conversation.ask(long + " IMMINENT").outcome == "crisis"


def test_excluded_personas_reach_the_recall() -> None:
    recall = FakeRecall()
    companion = Companion(
        ScriptedEngine(default=GOOD),
        screen=FakeScreen(),
        guard=FakeGuard(),
        recall=recall,  # type: ignore[arg-type]
    )
    companion.conversation(exclude_personas={"004"}).ask("hello there")
    assert recall.excluded == [frozenset({"004"})]


@pytest.mark.parametrize(
    "country", ["US", "GB", "IE", "CA", "AU", "NZ", "ES", "MX", "FR", "DE", None]
)
def test_crisis_text_names_the_lines_of_the_country(country: str | None) -> None:
    companion = Companion(None, screen=FakeScreen(), guard=FakeGuard())  # type: ignore[arg-type]
    reply = companion.conversation(country=country).ask("IMMINENT")
    lines = HelpLines.shipped()
    emergency = lines.emergency(country)
    assert emergency.id in reply.record.help_lines
    if country:
        assert emergency.call and emergency.call in reply.text
    named = {line.id: line for line in lines.for_country(country)}
    assert all(line in named for line in reply.record.help_lines)


def test_moderate_risk_gets_the_question_once_and_then_the_conversation_goes_on() -> None:
    conversation, engine = make(GOOD, GOOD)
    first = conversation.ask("MODERATE")
    assert first.outcome == "care" and "?" in first.text
    assert engine.history == []
    assert conversation.ask("MODERATE").outcome == "model"
    assert conversation.ask("VOICES").outcome == "care"


def test_moderate_panic_goes_to_the_model() -> None:
    conversation, _ = make(GOOD)
    assert conversation.ask("PANIC").outcome == "model"


def test_a_second_high_message_gets_the_short_card_an_imminent_one_the_whole() -> None:
    conversation, _ = make()
    first, second = conversation.ask("HIGH"), conversation.ask("HIGH")
    third = conversation.ask("IMMINENT")
    assert len(second.text) < len(first.text)
    assert len(third.text) > len(second.text)
    assert {first.outcome, second.outcome, third.outcome} == {"crisis"}


def test_after_a_crisis_text_the_model_is_told_without_numbers() -> None:
    conversation, engine = make(GOOD)
    conversation.ask("HIGH")
    conversation.ask("I called them")
    laid_out = engine.history[0]
    shown_before = [message.content for message in laid_out if message.role == "assistant"]
    assert not any(character.isdigit() for character in shown_before[-2])


def test_spanish_is_answered_in_spanish() -> None:
    companion = Companion(None, screen=FakeScreen(), guard=FakeGuard())  # type: ignore[arg-type]
    reply = companion.conversation(country="ES").ask("no puedo más con todo esto IMMINENT")
    assert "Llama" in reply.text or "llama" in reply.text


FAILURES = {
    "screen": {"screen": FakeScreen(raises=RuntimeError("secret words"))},
    "guard": {"guard": FakeGuard(raises=RuntimeError("secret words"))},
    "engine": {},
}


@pytest.mark.parametrize("stage", FAILURES)
def test_whatever_fails_the_person_gets_fixed_text_with_a_help_line(stage: str) -> None:
    conversation, _ = make(EngineError("secret words"), **FAILURES[stage])
    events = list(conversation.stream("secret words"))
    reply = last(events)
    assert reply.outcome == "fallback"
    assert reply.record.failed == (stage,)
    assert reply.record.help_lines
    assert "secret" not in repr(events[1:]) + reply.text


def test_a_failure_in_the_middle_takes_back_what_stood() -> None:
    class Breaking(ScriptedEngine):
        def stream(self, *args: Any, **kwargs: Any) -> Any:
            events = super().stream(*args, **kwargs)
            for number, event in enumerate(events):
                if number == 12:
                    raise RuntimeError("secret")
                yield event

    companion = Companion(
        Breaking(["One whole sentence stands here now. " * 6]),
        screen=FakeScreen(),  # type: ignore[arg-type]
        guard=FakeGuard(),  # type: ignore[arg-type]
    )
    events = list(companion.conversation().stream("hello there"))
    assert last(events).outcome == "fallback"
    assert any(isinstance(event, Released) for event in events)
    assert shown(events) == last(events).text


def test_without_passages_the_turn_goes_on_and_says_so() -> None:
    conversation, engine = make(GOOD, recall=FakeRecall(raises=RetrievalError("no index")))
    reply = conversation.ask("hello there")
    assert reply.outcome == "model"
    assert reply.record.failed == ("retrieve",)
    assert len(engine.history) == 1


def test_without_an_engine_ordinary_messages_get_fixed_text() -> None:
    companion = Companion(None, screen=FakeScreen(), guard=FakeGuard())  # type: ignore[arg-type]
    reply = companion.conversation(country="US").ask("hello there")
    assert reply.outcome == "fallback" and reply.record.failed == ("engine",)


def test_the_record_holds_no_words_of_either_side() -> None:
    conversation, _ = make(GOOD, recall=FakeRecall())
    reply = conversation.ask("a very particular zebra")
    assert "zebra" not in repr(reply.record)
    assert GOOD not in repr(replace(reply, text="").record)


def test_a_policy_that_cannot_be_applied_still_gives_help_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conversation, engine = make(GOOD)
    monkeypatch.setattr("tide_chat.safety.responses.Responses.crisis", lambda *_, **__: 1 / 0)
    reply = conversation.ask("IMMINENT secret words")
    assert reply.outcome == "fallback" and reply.record.failed == ("policy",)
    assert reply.record.help_lines and engine.history == []
    assert "secret" not in reply.text
