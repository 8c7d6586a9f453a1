"""Settings: a file, the environment, one clear sentence for a bad value."""

from __future__ import annotations

from pathlib import Path

import pytest

from tide_chat.errors import BadInput
from tide_chat.paths import Paths
from tide_chat.settings import Settings, guess_country, write_setting


def test_defaults_without_a_file() -> None:
    settings = Settings.load()
    assert settings.model is None and settings.country is None
    assert settings.with_country() is None


def test_the_file_is_read_and_the_environment_wins(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_setting("country", "IE")
    write_setting("language", "es")
    write_setting("country", "GB")
    settings = Settings.load()
    assert (settings.country, settings.language) == ("GB", "es")
    monkeypatch.setenv("TIDE_COUNTRY", "nz")
    assert Settings.load().with_country() == "NZ"


@pytest.mark.parametrize(
    ("text", "named"),
    [('country = "Ireland"\n', "country"), ("threads = 0\n", "threads"), ("= nonsense", "TOML")],
)
def test_a_bad_file_gets_one_sentence_that_names_the_setting(
    home: Path, text: str, named: str
) -> None:
    file = Paths.default().settings_file
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=named) as caught:
        Settings.load()
    assert "Ireland" not in str(caught.value)


@pytest.mark.parametrize(
    ("lang", "country"),
    [("de_DE.UTF-8", "DE"), ("en-GB", "GB"), ("C", None), ("C.UTF-8", None), ("es", None)],
)
def test_the_country_is_guessed_from_the_locale_alone(
    monkeypatch: pytest.MonkeyPatch, lang: str, country: str | None
) -> None:
    monkeypatch.setenv("LANG", lang)
    assert guess_country() == country
