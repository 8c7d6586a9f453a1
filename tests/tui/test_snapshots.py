"""Pictures of the screen. Look at each before accepting a change: its docstring says at what.

`pytest tests/tui/test_snapshots.py --snapshot-update` takes them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests._helpers import Factory, settle
from tide_chat.safety.help_lines import HelpLines
from tide_chat.tui.app import TideApp
from tide_chat.tui.composer import Composer
from tide_chat.tui.help_card import HelpCard

Make = Callable[..., TideApp]

SAID = "i checked the locks eleven times last night. my husband counted."
ANSWER = (
    "Eleven times, and someone keeping count, so on top of the fear there is being watched having "
    "it. After a night when a door did not hold, a mind can refuse to take a lock's word for it. "
    "What was it like when he told you the number?"
)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that moves, no date that changes, no terminal that differs."""
    monkeypatch.setattr("textual.constants.TEXTUAL_ANIMATIONS", "none")
    for name in ("NO_COLOR", "COLORTERM", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    shipped = HelpLines.shipped()
    lines = [line.model_copy(update={"checked": date(2026, 1, 1)}) for line in shipped.lines]
    fixed = HelpLines(shipped.version, tuple(lines))
    monkeypatch.setattr("tide_chat.tui.fixed.HelpLines.shipped", lambda: fixed)


async def said(pilot: Any, text: str) -> None:
    composer = pilot.app._chat.query_one(Composer)
    composer.insert(text)
    composer.post_message(Composer.Sent(composer.text))
    await settle(pilot, lambda: bool(pilot.app._chat.query(".you")))
    await settle(pilot, lambda: not pilot.app._chat.busy)


async def listening(pilot: Any) -> None:
    await settle(pilot, lambda: pilot.app.desk.opening.progress.stage not in ("starting",))
    pilot.app._chat._look()
    await pilot.pause()


def flowing(*replies: str, **more: Any) -> Factory:
    factory = Factory(*replies, **more)
    factory.engine.release(9999)
    return factory


def test_welcome(make: Make, snap_compare: Any) -> None:
    """The whole disclosure is readable, the country is filled in, the button has the focus."""
    assert snap_compare(make(flowing(), first_run=True))


def test_loading(make: Make, snap_compare: Any) -> None:
    """Empty chat: the state says how far the model is and that help lines work already."""
    assert snap_compare(make(flowing(ready=False)), run_before=listening)


def test_reply(make: Make, snap_compare: Any) -> None:
    """Who speaks is clear without colour; lines no longer than 80 columns; state `listening`."""

    async def talk(pilot: Any) -> None:
        await listening(pilot)
        await said(pilot, SAID)

    assert snap_compare(make(flowing(ANSWER)), run_before=talk, terminal_size=(100, 30))


def test_crisis_card(make: Make, snap_compare: Any) -> None:
    """Full width, heavy border, numbers first and whole, nothing below the fold."""

    async def talk(pilot: Any) -> None:
        await listening(pilot)
        await said(pilot, "i have the pills")
        await settle(pilot, lambda: bool(pilot.app._chat.query(HelpCard)))

    assert snap_compare(make(flowing(ready=False)), run_before=talk)


def test_retracted(make: Make, snap_compare: Any) -> None:
    """Only the replacement stands; no trace of the words before it."""

    async def talk(pilot: Any) -> None:
        await listening(pilot)
        await said(pilot, SAID)

    assert snap_compare(make(flowing("You are RETRACT")), run_before=talk)


def test_help_lines(make: Make, snap_compare: Any) -> None:
    """The sentence that we cannot call, the country, numbers on rows of their own, the date."""
    assert snap_compare(make(flowing()), press=["f1"])


def test_model_missing(make: Make, snap_compare: Any) -> None:
    """One calm sentence with the command that mends it; the composer is open all the same."""

    async def told(pilot: Any) -> None:
        await listening(pilot)
        await asyncio.sleep(0.05)
        await pilot.pause()

    assert snap_compare(make(flowing(model=False)), run_before=told)


def test_narrow(make: Make, snap_compare: Any) -> None:
    """At 60 columns nothing is cut off: keys, border, card and state are whole."""

    async def talk(pilot: Any) -> None:
        await listening(pilot)
        await said(pilot, "i have the pills")

    assert snap_compare(make(flowing()), run_before=talk, terminal_size=(60, 24))
