"""Whoever asks what this is gets the fixed answer, and nobody else does."""

from __future__ import annotations

import pytest

from tests.chat.parts import FakeGuard, FakeScreen
from tide_chat.chat.companion import Companion
from tide_chat.chat.identity import asks_what_this_is
from tide_chat.engine.scripted import ScriptedEngine


@pytest.mark.parametrize(
    "text",
    [
        "are you a real person",
        "are you even real?",
        "wait are you human",
        "r u a bot",
        "am I talking to a person or a machine",
        "is there anyone really there?",
        "what are you?",
        "¿eres una persona?",
        "estoy hablando con una máquina",
    ],
)
def test_the_question_is_known(text: str) -> None:
    assert asks_what_this_is(text)


@pytest.mark.parametrize(
    "text",
    [
        "are you listening",
        "my brother asked are you a person or a ghost and I could not answer him at all",
        "you're a machine, you can't possibly get it",
        "I am a person too",
        "what are you supposed to do with a night like that",
        "who are you to tell me",
    ],
)
def test_other_messages_are_not_taken_for_it(text: str) -> None:
    assert not asks_what_this_is(text)


def test_the_answer_is_fixed_and_the_model_is_not_asked() -> None:
    engine = ScriptedEngine(["There is care in that question."])
    companion = Companion(engine, screen=FakeScreen(), guard=FakeGuard())  # type: ignore[arg-type]
    conversation = companion.conversation()
    reply = conversation.ask("are you a person")
    assert reply.outcome == "disclosure"
    assert "program" in reply.text and engine.history == []
    conversation.ask("then what happens now with the rest of it")
    assert any("program" in message.content for message in engine.history[0])
