"""A scripted app that was opened before, ready for one test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import Factory, accept, paths_below, settings
from tide_chat.tui.app import TideApp, make_app


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(home: Path, clock: Clock) -> Callable[..., TideApp]:
    """Build an app over a factory; the disclosure was accepted unless `first_run` is set."""

    def build(factory: Factory, *, first_run: bool = False, country: str | None = "US") -> Any:
        paths = paths_below(home)
        if not first_run:
            accept(paths, country)
        return make_app(factory, settings(country), paths, clock=clock)

    return build
