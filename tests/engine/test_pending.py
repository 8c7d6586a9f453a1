"""The engine that is still loading: waiting, giving up, failing, closing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tide_chat.engine.pending import PendingEngine
from tide_chat.engine.protocol import Engine
from tide_chat.engine.scripted import ScriptedEngine
from tide_chat.errors import EngineError
from tide_chat.types import CancelToken, Finished, Message, Sampling, Token

ASK = [Message("user", "hello")]


class Gate:
    """Opens an engine when it is told to."""

    def __init__(self, engine: Engine | Exception) -> None:
        self.engine = engine
        self.opened = threading.Event()
        self.token: CancelToken | None = None

    def __call__(self, cancel: CancelToken, progress: Callable[[float], None]) -> Engine:
        self.token = cancel
        progress(0.5)
        while not self.opened.wait(0.005):
            if cancel.cancelled:
                raise EngineError("Loading the model was stopped.")
        if isinstance(self.engine, Exception):
            raise self.engine
        return self.engine


def pending(gate: Gate, prefix: tuple[Message, ...] = ()) -> PendingEngine:
    return PendingEngine(gate, name="slow", context_tokens=512, prefix=prefix)


def test_a_reply_waits_for_the_load() -> None:
    gate = Gate(ScriptedEngine(["at last"]))
    engine = pending(gate)
    engine.start()
    assert not engine.ready
    threading.Timer(0.05, gate.opened.set).start()
    assert [e for e in engine.stream(ASK, Sampling()) if isinstance(e, Token)] == [
        Token("at"),
        Token(" last"),
    ]
    assert engine.ready and engine.progress == 1.0
    engine.close()


def test_waiting_can_be_given_up_and_the_load_goes_on() -> None:
    gate = Gate(ScriptedEngine(["later"]))
    engine = pending(gate)
    cancel = CancelToken()
    threading.Timer(0.05, cancel.cancel).start()
    assert list(engine.stream(ASK, Sampling(), cancel)) == [Finished("cancelled")]
    gate.opened.set()
    assert len(list(engine.stream(ASK, Sampling()))) == 2
    engine.close()


def test_a_failed_load_is_told_to_everyone_who_asks() -> None:
    gate = Gate(EngineError("The file is broken."))
    gate.opened.set()
    engine = pending(gate)
    for _ in range(2):
        with pytest.raises(EngineError, match="broken"):
            list(engine.stream(ASK, Sampling()))
    assert engine.failure == "The file is broken."
    assert not engine.ready
    engine.close()


def test_an_unforeseen_failure_becomes_a_typed_one() -> None:
    gate = Gate(RuntimeError("words"))
    gate.opened.set()
    engine = pending(gate)
    with pytest.raises(EngineError, match="RuntimeError"):
        engine.wait()
    engine.close()


def test_closing_breaks_the_load_off() -> None:
    gate = Gate(ScriptedEngine())
    engine = pending(gate)
    engine.start()
    engine.close()
    assert gate.token is not None and gate.token.cancelled


def test_the_constant_beginning_is_evaluated_before_anybody_asks() -> None:
    scripted = ScriptedEngine(default="word")
    gate = Gate(scripted)
    gate.opened.set()
    prefix = (Message("system", "Be calm."),)
    engine = pending(gate, prefix)
    engine.start()
    assert engine._done.wait(5)
    assert scripted.history == [prefix]
    end = list(engine.stream([*prefix, *ASK], Sampling()))[-1]
    assert isinstance(end, Finished) and end.usage.reused_tokens > 0
    engine.close()
