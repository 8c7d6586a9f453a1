"""The promises of docs/architecture.md, each by name, on the shipped policy.

The fourth (nothing is written unless asked) and the fifth (no network) are held in
`tests/test_privacy.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.chat.parts import FakeRecall
from tide_chat.chat.companion import Companion
from tide_chat.engine.scripted import ScriptedEngine
from tide_chat.errors import EngineError, PolicyError, RetrievalError
from tide_chat.safety.guard import Guard
from tide_chat.safety.help_lines import HelpLines
from tide_chat.types import (
    CancelToken,
    EngineEvent,
    HelpOffered,
    Message,
    Released,
    Replied,
    Retracted,
    Risk,
    Sampling,
)

CRISES = [
    "I want to end it tonight, I have the pills",
    "I just took all of my pills",
    "the gun is loaded and in my lap and I am going to use it",
    "I'm going to kill myself tonight",
    "voy a matarme esta noche, tengo las pastillas",
]

BAD = "I understand exactly how you feel, I have been there. You should have left. You have PTSD."


class Unloadable:
    """An engine that is still loading and never gets there."""

    name = "loading"
    context_tokens = 4096

    def __init__(self) -> None:
        self.asked = 0

    def count_tokens(self, messages: Sequence[Message]) -> int:
        self.asked += 1
        raise AssertionError("the model was asked")

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, cancel: CancelToken | None = None
    ) -> Iterator[EngineEvent]:
        self.asked += 1
        raise AssertionError("the model was asked")

    def close(self) -> None: ...


@pytest.mark.parametrize("message", CRISES)
def test_1_crisis_never_waits_for_a_model(message: str) -> None:
    engine = Unloadable()
    conversation = Companion(engine).conversation(country="US")
    started = time.perf_counter()
    events = list(conversation.stream(message))
    spent = time.perf_counter() - started
    reply = events[-1]
    assert isinstance(reply, Replied)
    assert reply.reply.outcome == "crisis" and reply.reply.risk >= Risk.HIGH
    offered = next(event for event in events if isinstance(event, HelpOffered))
    assert offered.whole_reply and offered.text == reply.reply.text
    assert "988" in offered.text or "911" in offered.text
    assert engine.asked == 0
    # Not a measurement: only that nothing of a model's order of magnitude is waited for.
    assert spent < 5


def test_2_nobody_sees_unguarded_text() -> None:
    """What was released at any moment passes the guard as a whole."""
    guard = Guard.shipped()
    draft = f"There is fear in that, and a long night. {BAD}"
    engine = ScriptedEngine([draft, draft])
    shown = ""
    events = list(Companion(engine).conversation().stream("I was at the crash"))
    for event in events:
        match event:
            case Released(words):
                shown += words
                assert guard.check(shown, "I was at the crash").allowed
            case Retracted(replacement):
                shown = replacement
    assert isinstance(events[-1], Replied)
    assert events[-1].reply.outcome == "replaced"
    assert shown == events[-1].reply.text
    assert not guard.check(BAD).allowed


class Raising:
    """A part whose every method raises."""

    policy = "broken"
    versions: dict[str, str] = {}

    def __init__(self, error: Exception) -> None:
        self.error = error

    def screen(self, text: str) -> None:
        raise self.error

    def watch(self, user: str = "") -> None:
        raise self.error

    def bring_up(self, text: str, exclude: object = ()) -> None:
        raise self.error


@pytest.mark.parametrize("error", [PolicyError("broken"), RuntimeError("unforeseen")])
@pytest.mark.parametrize("stage", ["screen", "engine", "guard"])
def test_3_fail_closed(stage: str, error: Exception) -> None:
    parts: dict[str, Any] = {}
    engine = ScriptedEngine(["There is fear in that."])
    if stage == "engine":
        engine = ScriptedEngine([error])
    else:
        parts[stage] = Raising(error)
    reply = Companion(engine, **parts).conversation(country="IE").ask("I was at the crash")
    assert reply.outcome == "fallback"
    assert reply.record.failed == (stage,)
    lines = {line.id: line for line in HelpLines.shipped().for_country("IE")}
    assert reply.record.help_lines
    for named in reply.record.help_lines:
        assert lines[named].describe() in reply.text or (lines[named].call or "") in reply.text


@pytest.mark.parametrize("error", [RetrievalError("no index"), RuntimeError("unforeseen")])
def test_3_without_retrieval_the_turn_goes_on(error: Exception) -> None:
    companion = Companion(
        ScriptedEngine(["There is fear in that."]),
        recall=Raising(error),  # type: ignore[arg-type]
    )
    reply = companion.conversation().ask("I was at the crash")
    assert reply.outcome == "model" and reply.record.failed == ("retrieve",)


def test_6_append_only_prompts() -> None:
    """Each prompt begins with all of the one before, but for the reply that was begun."""
    engine = ScriptedEngine(default="There is weight in that. It stays for a while.")
    conversation = Companion(engine, recall=FakeRecall()).conversation(seed=3)  # type: ignore[arg-type]
    for text in ("the crash again", "and the rain", "then the phone", "ok"):
        conversation.ask(text)
    assert len(engine.history) == 4
    for earlier, later in zip(engine.history, engine.history[1:], strict=False):
        kept = earlier[:-1] if earlier[-1].role == "assistant" else earlier
        assert later[: len(kept)] == kept
        assert len(later) > len(kept)


def test_a_failing_engine_never_takes_the_help_lines_with_it() -> None:
    companion = Companion(ScriptedEngine([EngineError("gone")]))
    conversation = companion.conversation(country="US")
    assert conversation.ask("I was at the crash").outcome == "fallback"
    assert conversation.ask(CRISES[0]).outcome == "crisis"
