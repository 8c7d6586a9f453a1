"""Fakes and waits for tests of the interface: gated, never timed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from tide_chat.errors import EngineError, MissingPrerequisite
from tide_chat.paths import Paths
from tide_chat.safety.help_lines import HelpLines
from tide_chat.settings import Settings
from tide_chat.tui.consent import record_consent, today
from tide_chat.tui.fixed import load_fixed
from tide_chat.types import (
    CancelToken,
    EngineEvent,
    Event,
    Finished,
    HelpOffered,
    Message,
    Released,
    Replied,
    Reply,
    Retracted,
    Retrieved,
    Risk,
    Sampling,
    Screened,
    Screening,
    Token,
    TurnRecord,
)

MISSING = "There is no model file on this machine; `tide-chat models pull` fetches one."
CRISIS = "What you wrote sounds as if your life may be in danger right now."
FALLBACK = "My own part did not work just now."


class GatedEngine:
    """Yields one word each time the test lets one through, and counts how many streams are open."""

    def __init__(self, *replies: str | Exception, ready: bool = True) -> None:
        self.replies: list[str | Exception] = list(replies)
        self.ready = ready
        self.progress = 1.0 if ready else 0.4
        self.failure: str | None = None
        self.open_now = 0
        self.most_open = 0
        self.asked = 0
        self.cancelled = 0
        self.closed = 0
        self._gate = threading.Semaphore(0)

    name = "gated"
    context_tokens = 4096

    def release(self, n: int = 1) -> None:
        """Let `n` words through; the first one also ends the reading of the prompt."""
        self._gate.release(n)

    def become_ready(self) -> None:
        self.progress, self.ready = 1.0, True

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) for message in messages)

    def _passes(self, cancel: CancelToken | None) -> bool:
        while not self._gate.acquire(timeout=0.01):
            if cancel is not None and cancel.cancelled:
                return False
        return True

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, cancel: CancelToken | None = None
    ) -> Iterator[EngineEvent]:
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        self.asked += 1
        try:
            while not self.ready:
                if cancel is not None and cancel.cancelled:
                    yield Finished("cancelled")
                    return
                threading.Event().wait(0.01)
            if not self.replies:
                raise EngineError("The script of the gated engine has run dry.")
            reply = self.replies.pop(0)
            if isinstance(reply, Exception):
                raise reply
            for word in reply.split(" "):
                if not self._passes(cancel):
                    self.cancelled += 1
                    yield Finished("cancelled")
                    return
                yield Token(word + " ")
            yield Finished("stop")
        finally:
            self.open_now -= 1

    def close(self) -> None:
        self.closed += 1


class ScriptedTalk:
    """A conversation that treats `pills` as a crisis and takes a reply back at the word RETRACT."""

    def __init__(self, engine: GatedEngine | None, country: str | None) -> None:
        self._engine = engine
        self._country = country
        self.heard: list[str] = []

    def stream(self, text: str, cancel: CancelToken | None = None) -> Iterator[Event]:
        self.heard.append(text)
        if "FAULT" in text:
            raise RuntimeError(text)
        risk = Risk.IMMINENT if "pills" in text else Risk.NONE
        screening = Screening(risk)
        yield Screened(screening)
        if risk:
            lines = HelpLines.shipped()
            named = (lines.emergency(self._country), *lines.first(self._country))
            yield HelpOffered(CRISIS, tuple(line.id for line in named), risk, True)
            yield self._replied(CRISIS, "crisis", screening)
            return
        yield Retrieved(())
        if self._engine is None:
            yield Released(FALLBACK)
            yield self._replied(FALLBACK, "fallback", screening)
            return
        yield from self._answer(text, screening, cancel)

    def _answer(
        self, text: str, screening: Screening, cancel: CancelToken | None
    ) -> Iterator[Event]:
        assert self._engine is not None
        said = ""
        try:
            for event in self._engine.stream([Message("user", text)], Sampling(), cancel):
                if isinstance(event, Finished):
                    outcome = "cancelled" if event.reason == "cancelled" else "model"
                    yield self._replied(said, outcome, screening)
                elif event.text.startswith("RETRACT"):
                    said = "Let me say that another way."
                    yield Retracted(said, ())
                else:
                    said += event.text
                    yield Released(event.text)
        except EngineError:
            yield Retracted(FALLBACK, ())
            yield self._replied(FALLBACK, "fallback", screening)

    def _replied(self, text: str, outcome: Any, screening: Screening) -> Replied:
        return Replied(Reply(text, outcome, screening.risk, TurnRecord(outcome, screening)))


class ScriptedPartner:
    """A companion over a gated engine, or over none."""

    def __init__(self, engine: GatedEngine | None) -> None:
        self.engine = engine
        self.talks: list[ScriptedTalk] = []
        self.warmed = threading.Event()
        self.closed = False

    def conversation(
        self, *, country: str | None, language: str = "en", seed: int | None = None
    ) -> ScriptedTalk:
        self.talks.append(ScriptedTalk(self.engine, country))
        return self.talks[-1]

    def warm(self) -> None:
        self.warmed.set()

    def close(self) -> None:
        self.closed = True
        if self.engine is not None:
            self.engine.close()


class Factory:
    """Opens a scripted companion; behind a gate, without a model, or not at all."""

    def __init__(
        self, *replies: str | Exception, ready: bool = True, model: bool = True, opens: bool = True
    ) -> None:
        self.engine = GatedEngine(*replies, ready=ready)
        self.partner = ScriptedPartner(self.engine if model else None)
        self.gate = threading.Event()
        self._model = model
        if opens:
            self.gate.set()

    def __call__(self, *, without_model_ok: bool) -> ScriptedPartner:
        self.gate.wait(10)
        if not self._model and not without_model_ok:
            raise MissingPrerequisite(MISSING)
        return self.partner


def paths_below(folder: Path) -> Paths:
    return Paths(data=folder, config=folder)


def accept(paths: Paths, country: str | None = "US") -> None:
    """Leave the trace of a first run that was accepted."""
    record_consent(paths, load_fixed(country).version, today())


def settings(country: str | None = "US", **more: Any) -> Settings:
    return Settings.model_construct(**{**Settings().model_dump(), "country": country, **more})


async def settle(pilot: Any, predicate: Callable[[], bool], *, seconds: float = 8.0) -> None:
    """Wait until something is so; FAIL when it never is."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        if predicate():
            await pilot.pause()
            return
        await asyncio.sleep(0.01)
    pytest.fail("the interface did not settle: " + (predicate.__doc__ or repr(predicate)))


@contextlib.asynccontextmanager
async def running(app: Any, *, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Any]:
    """Run an app headless; a blocking call below `tide_chat.tui` on the event loop raises."""
    with blockbuster_ctx("tide_chat.tui"):
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield pilot
    await asyncio.to_thread(app.desk.close)


def shown(app: Any) -> str:
    """Return the text of the whole screen as a person sees it."""
    width, height = app.size
    lines = app.screen._compositor.render_strips(None) if height else []
    return "\n".join(strip.text.rstrip() for strip in lines)
