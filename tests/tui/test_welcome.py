"""The first run: the disclosure, the country, and what is noted of it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests._helpers import Factory, accept, paths_below, running, settle, shown
from tide_chat.settings import Settings
from tide_chat.tui.app import TideApp
from tide_chat.tui.consent import consented, today
from tide_chat.tui.fixed import load_fixed
from tide_chat.tui.help_screen import HelpScreen
from tide_chat.tui.welcome import WelcomeScreen

Make = Callable[..., TideApp]


async def test_the_first_run_discloses_and_notes_version_and_date_only(
    make: Make, home: Path
) -> None:
    app = make(Factory(), first_run=True)
    async with running(app) as pilot:
        assert isinstance(app.screen, WelcomeScreen)
        picture = " ".join(shown(app).split())
        assert "not a person" in picture and "cannot monitor you or call anyone" in picture
        assert "COMPUTER PROGRAM AND NOT A HUMAN BEING" in picture
        await pilot.press("enter")
        await settle(pilot, lambda: app.screen is app._chat)
        await settle(pilot, lambda: (home / "settings.toml").is_file())
        assert "This is software, not a person." in shown(app)
    noted = tomllib.loads((home / "consent.toml").read_text())
    assert noted == {"version": load_fixed("US").version, "date": today()}
    assert (home / "consent.toml").stat().st_mode & 0o077 == 0
    assert Settings.load().country == "US"


async def test_what_was_accepted_is_not_asked_again(make: Make, home: Path) -> None:
    accept(paths_below(home))
    app = make(Factory())
    async with running(app):
        assert app.screen is app._chat
        assert "This is software, not a person." in shown(app)


def test_another_version_of_the_text_is_asked_for_again(home: Path) -> None:
    paths = paths_below(home)
    accept(paths)
    version = load_fixed("US").version
    assert consented(paths, version)
    assert not consented(paths, version + "x")
    paths.consent_file.write_text("not [toml")
    assert not consented(paths, version)


async def test_the_country_can_be_chosen(make: Make) -> None:
    app = make(Factory(), first_run=True, country="ZZ")
    async with running(app) as pilot:
        select = app.screen.query_one("Select")
        assert select.value == "ZZ"
        select.value = "IE"
        await pilot.press("enter")
        await settle(pilot, lambda: app.desk.fixed.country == "IE")
        await settle(pilot, lambda: Settings.load().country == "IE")
        await pilot.press("f1")
        text = "\n".join(str(line.content) for line in app.screen.query("#lines Static"))
        assert "116 123" in text


async def test_help_lines_are_there_before_anything_is_accepted(make: Make, home: Path) -> None:
    app = make(Factory(opens=False), first_run=True)
    async with running(app) as pilot:
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        assert "988" in shown(app)
        await pilot.press("f1")
        assert isinstance(app.screen, WelcomeScreen)
        app.desk.opening._factory.gate.set()
    assert not (home / "consent.toml").exists()


async def test_leaving_the_first_screen_notes_nothing(make: Make, home: Path) -> None:
    app = make(Factory(), first_run=True)
    async with running(app) as pilot:
        await pilot.press("escape")
        assert isinstance(app.screen, WelcomeScreen)
        await pilot.press("escape")
    assert app.return_code == 0
    assert not (home / "consent.toml").exists()


async def test_a_folder_that_cannot_be_written_is_said_and_the_chat_goes_on(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("tide_chat.tui.consent.record_consent", refuse)
    app = make(Factory(), first_run=True)
    async with running(app) as pilot:
        await pilot.press("enter")
        await settle(pilot, lambda: "asked again next time" in " ".join(shown(app).split()))
        assert app.screen is app._chat
