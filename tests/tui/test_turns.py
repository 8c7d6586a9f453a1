"""The thread of the turns: one at a time, stoppable, and never in the way of leaving."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from tide_chat.errors import EngineError, TurnError
from tide_chat.tui.turns import TurnRunner
from tide_chat.types import CancelToken


@pytest.fixture
def runner() -> Iterator[TurnRunner]:
    one = TurnRunner()
    yield one
    assert one.close(5)


def until_cancelled(cancel: CancelToken) -> Iterator[int]:
    yield 0
    while not cancel.cancelled:
        threading.Event().wait(0.005)
    yield 1


async def test_everything_comes_in_order(runner: TurnRunner) -> None:
    async with aclosing(runner.stream(lambda _cancel: iter("abc"))) as letters:
        assert [letter async for letter in letters] == ["a", "b", "c"]


async def test_none_is_an_item_like_any_other(runner: TurnRunner) -> None:
    async with aclosing(runner.stream(lambda _cancel: iter([None, 1]))) as items:
        assert [item async for item in items] == [None, 1]


async def test_leaving_the_iterator_throws_the_token(runner: TurnRunner) -> None:
    tokens: list[CancelToken] = []

    def make(cancel: CancelToken) -> Iterator[int]:
        tokens.append(cancel)
        return until_cancelled(cancel)

    async with aclosing(runner.stream(make)) as items:
        async for _ in items:
            break
    assert tokens[0].cancelled


async def test_the_next_turn_waits_for_the_thread(runner: TurnRunner) -> None:
    inside: list[str] = []
    gate = threading.Event()

    def slow(_cancel: CancelToken) -> Iterator[int]:
        inside.append("slow in")
        yield 0
        gate.wait(5)
        inside.append("slow out")

    def fast(_cancel: CancelToken) -> Iterator[int]:
        inside.append("fast")
        yield 1

    async with aclosing(runner.stream(slow)) as items:
        async for _ in items:
            break
    second = asyncio.ensure_future(anext(runner.stream(fast)))
    await asyncio.sleep(0.02)
    assert inside == ["slow in"]
    gate.set()
    assert await second == 1
    assert inside == ["slow in", "slow out", "fast"]


async def test_a_known_error_comes_as_it_is(runner: TurnRunner) -> None:
    def fail(_cancel: CancelToken) -> Iterator[int]:
        raise EngineError("no memory")
        yield 0

    with pytest.raises(EngineError, match="no memory"):
        await anext(runner.stream(fail))


async def test_an_unforeseen_error_comes_without_its_words(runner: TurnRunner) -> None:
    def fail(_cancel: CancelToken) -> Iterator[int]:
        raise ValueError("typed words")
        yield 0

    with pytest.raises(TurnError) as caught:
        await anext(runner.stream(fail))
    assert "typed words" not in str(caught.value)
    assert caught.value.__context__ is None and caught.value.__cause__ is None


def test_a_closed_loop_is_no_fault(runner: TurnRunner) -> None:
    gate = threading.Event()
    ended = threading.Event()

    def make(_cancel: CancelToken) -> Iterator[int]:
        yield 0
        gate.wait(5)
        yield 1
        ended.set()

    async def abandon() -> None:
        async with aclosing(runner.stream(make)) as items:
            await anext(items)

    asyncio.run(abandon())
    gate.set()
    assert ended.wait(5)


def test_a_caller_without_a_loop_gets_the_same(runner: TurnRunner) -> None:
    cancel = CancelToken()
    seen = []
    for number in runner.iterate(until_cancelled, cancel):
        seen.append(number)
        cancel.cancel()
    assert seen == [0, 1]
    assert list(runner.iterate(lambda _cancel: iter([5]), CancelToken())) == [5]


def test_closing_does_not_wait_for_a_thread_that_hangs() -> None:
    runner = TurnRunner()
    gate, entered = threading.Event(), threading.Event()

    def hang(_cancel: CancelToken) -> Iterator[int]:
        entered.set()
        gate.wait(10)
        yield 0

    runner._start(hang, lambda _parcel: None)
    assert entered.wait(5)
    assert not runner.close(0.05)
    gate.set()
    assert runner.close(5)
    assert list(runner.iterate(lambda _cancel: iter([1]), CancelToken())) == []
