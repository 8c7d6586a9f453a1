"""The scripted engine keeps the protocol that the real one keeps."""

from __future__ import annotations

import pytest

from tide_chat.engine.scripted import ScriptedEngine
from tide_chat.errors import EngineBusy, EngineError
from tide_chat.types import CancelToken, Finished, Message, Sampling, Token

ASK = [Message("user", "hello there")]


def test_replays_word_by_word_and_keeps_history() -> None:
    engine = ScriptedEngine(["one two three"])
    *words, end = engine.stream(ASK, Sampling(seed=4))
    assert words == [Token("one"), Token(" two"), Token(" three")]
    assert isinstance(end, Finished) and end.reason == "stop"
    assert end.usage.completion_tokens == 3
    assert engine.history == [tuple(ASK)]
    assert engine.samplings[0].seed == 4


def test_reports_reuse_of_the_shared_beginning() -> None:
    engine = ScriptedEngine(default="fine")
    list(engine.stream(ASK, Sampling()))
    longer = [*ASK, Message("assistant", "fine"), Message("user", "and now")]
    end = list(engine.stream(longer, Sampling()))[-1]
    assert isinstance(end, Finished)
    assert end.usage.reused_tokens == engine.count_tokens(ASK)


def test_stops_when_cancelled_and_at_the_limit() -> None:
    engine = ScriptedEngine(default="one two three four")
    cancel = CancelToken()
    seen = []
    for event in engine.stream(ASK, Sampling(), cancel):
        seen.append(event)
        if len(seen) == 2:
            cancel.cancel()
    assert isinstance(seen[-1], Finished) and seen[-1].reason == "cancelled"
    assert len(seen) == 3
    short = list(engine.stream(ASK, Sampling(max_tokens=2)))
    assert isinstance(short[-1], Finished) and short[-1].reason == "length"


def test_says_so_when_the_script_runs_dry_and_raises_what_it_was_given() -> None:
    engine = ScriptedEngine([RuntimeError("boom")])
    with pytest.raises(RuntimeError, match="boom"):
        engine.stream(ASK, Sampling())
    with pytest.raises(EngineError, match="run dry"):
        engine.stream(ASK, Sampling())


def test_refuses_a_second_stream_while_one_is_open() -> None:
    engine = ScriptedEngine(default="one two")
    stream = engine.stream(ASK, Sampling())
    next(stream)
    with pytest.raises(EngineBusy):
        engine.stream(ASK, Sampling())
    assert len(list(stream)) == 2
    assert list(engine.stream(ASK, Sampling()))
