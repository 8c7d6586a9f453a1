"""The help lines of the safety policy: which there are, whom they suit, how to name one.

Reads `safety/help_lines.toml` and nothing else. It is the only place a phone number may come from:
nothing here makes, completes or corrects one. It does not know where the person is and cannot
call anyone; the country is whatever the settings say.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources.abc import Traversable
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic import model_validator as checked_whole

from tide_chat.errors import MissingPrerequisite, PolicyError
from tide_chat.shipped import shipped

__all__ = ["ANYWHERE", "HelpLine", "HelpLines", "LineKind", "TextTo"]

LineKind: TypeAlias = Literal[
    "emergency",
    "suicide",
    "veterans",
    "domestic_violence",
    "sexual_violence",
    "child",
    "poison",
    "substance",
    "directory",
    "general",
]

ANYWHERE = "ZZ"
"""The country code of the worldwide set."""

_ALIASES = {"UK": "GB"}

_Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]+$")]
_Web = Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+\.[a-z]+$")]
_Said = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]

_PHRASES = {
    "en": {
        "call": "call {call}",
        "text": "text {to}",
        "word": "text {body} to {to}",
        "both": "call or text {call}",
        "or": " or ",
        "24/7": "24/7",
        "online": "online",
    },
    "es": {
        "call": "llama al {call}",
        "text": "envía un SMS al {to}",
        "word": "envía {body} por SMS al {to}",
        "both": "llama o envía un SMS al {call}",
        "or": " o ",
        "24/7": "24 horas",
        "online": "en línea",
    },
}


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextTo(_Record):
    """Where to send a text message, and the word to send where one is needed."""

    to: _Digits
    body: _Said | None = None
    shown: _Said | None = None
    """The number with spaces, for reading; none shows `to`."""


class HelpLine(_Record):
    """One help line, as the file has it."""

    id: str = Field(pattern=r"^[a-z]{2}-[a-z0-9-]+$")
    country: str = Field(pattern=r"^[A-Z]{2}$")
    name: _Said
    kinds: tuple[LineKind, ...] = Field(min_length=1)
    call: _Said | None = None
    """The number for reading."""
    dial: _Digits | None = None
    """The number as dialled."""
    then: dict[str, _Said] | None = None
    """What to do after dialling, by language."""
    text: TextTo | None = None
    web: _Web | None = None
    hours: Literal["24/7", "online"]
    languages: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")], ...] = Field(
        min_length=1
    )
    audience: _Said | None = None
    """Whom the line is for, where it is not for everyone."""
    listed_only: bool = False
    """Shown in the list of lines, never named in a fixed text."""
    source: _Said
    source_date: date | None = None
    checked: date
    confidence: Literal["confirmed", "second-hand"]
    priority: int = Field(ge=1)

    @checked_whole(mode="after")
    def _reachable(self) -> HelpLine:
        if (self.call is None) != (self.dial is None):
            raise ValueError(f"{self.id}: `call` and `dial` come together")
        if self.dial is None and self.text is None and self.web is None:
            raise ValueError(f"{self.id}: there is no way to reach it")
        return self

    def describe(self, language: str = "en") -> str:
        """Return one plain line that says what it is and how to reach it.

        For example `988 Suicide & Crisis Lifeline: call or text 988 (24/7)`.
        """
        language = language if language in _PHRASES else "en"
        words = _PHRASES[language]
        ways = self._ways(language)
        how = words["or"].join(ways) if ways else (self.web or "").removeprefix("https://")
        return f"{self.name}: {how} ({words[self.hours]})"

    def _ways(self, language: str) -> list[str]:
        words = _PHRASES[language]
        if self.text and self.text.to == self.dial:
            return [words["both"].format(call=self.call)]
        ways = []
        if self.call:
            after = (self.then or {}).get(language, "")
            called = words["call"].format(call=self.call)
            ways.append(f"{called}, {after}{',' if self.text else ''}" if after else called)
        if self.text:
            form = words["word" if self.text.body else "text"]
            ways.append(form.format(to=self.text.shown or self.text.to, body=self.text.body))
        return ways


class _File(_Record):
    version: str
    line: tuple[HelpLine, ...] = Field(min_length=1)

    @checked_whole(mode="after")
    def _whole(self) -> _File:
        ids = [line.id for line in self.line]
        if len(set(ids)) < len(ids):
            raise ValueError("two help lines share an id")
        ready = {line.country for line in self.line if _names_a_number(line)}
        if missing := {line.country for line in self.line} - ready:
            raise ValueError(f"no emergency number for {sorted(missing)}")
        if ANYWHERE not in ready:
            raise ValueError("the worldwide set is missing")
        return self


def _names_a_number(line: HelpLine) -> bool:
    return "emergency" in line.kinds and line.call is not None and not line.listed_only


@dataclass(frozen=True)
class HelpLines:
    """Every help line of the policy, in the order of the file."""

    version: str
    lines: tuple[HelpLine, ...]

    @classmethod
    def load(cls, source: str | Traversable) -> HelpLines:
        """Read help lines from TOML text or a file.

        Raises:
            PolicyError: the file is missing, is not TOML or breaks the rules for a record.
        """
        try:
            text = source if isinstance(source, str) else source.read_text(encoding="utf-8")
            file = _File.model_validate(tomllib.loads(text))
        except (OSError, ValueError) as error:
            reason = (
                "; ".join(e["msg"] for e in error.errors()[:3])
                if isinstance(error, ValidationError)
                else str(error)
            )
            raise PolicyError(f"The help lines cannot be used: {reason}.") from error
        return cls(version=file.version, lines=file.line)

    @classmethod
    @cache
    def shipped(cls) -> HelpLines:
        """Return the help lines that came with the program, read once.

        Raises:
            PolicyError: they are missing or broken.
        """
        try:
            folder = shipped("safety")
        except MissingPrerequisite as error:
            raise PolicyError("The help lines are missing; install tide-chat again.") from error
        return cls.load(folder / "help_lines.toml")

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries that have lines of their own, sorted, the worldwide set left out."""
        return tuple(sorted({line.country for line in self.lines} - {ANYWHERE}))

    def for_country(
        self, country: str | None, kinds: Collection[str] = (), veteran: bool = False
    ) -> tuple[HelpLine, ...]:
        """Return all lines of a country: emergency first, then the best matches of `kinds`.

        An unknown country, or none, gives the worldwide set. Lines for veterans come last unless
        `veteran` is set; then one that takes any trouble counts as a match for a crisis too.

        Args:
            country: Two letters in any case; UK is read as GB.
            kinds: What is needed, the most needed first.
            veteran: Whether the person has served.
        """
        here = self._home(country)

        def rank(line: HelpLine) -> tuple[int, int, int, int, str]:
            return (
                0 if "emergency" in line.kinds else 1,
                0 if veteran or "veterans" not in line.kinds else 1,
                _nearness(line, kinds, veteran),
                line.priority,
                line.id,
            )

        return tuple(sorted((line for line in self.lines if line.country == here), key=rank))

    def first(
        self,
        country: str | None,
        kinds: Collection[str] = (),
        n: int = 2,
        *,
        veteran: bool = False,
    ) -> tuple[HelpLine, ...]:
        """Return the `n` lines to name in a text, the best first; possibly fewer, never none.

        The emergency number is left out, since texts name it apart: see `emergency`. A line that
        fits none of the kinds is taken only if it is for any crisis.
        """
        fitting = [
            line
            for line in self.for_country(country, kinds, veteran)
            if "emergency" not in line.kinds
            and not line.listed_only
            and (veteran or "veterans" not in line.kinds)
            and _nearness(line, kinds, veteran) <= len(kinds)
        ]
        return tuple(fitting[:n]) if fitting else self.first(None, n=n)

    def emergency(self, country: str | None) -> HelpLine:
        """Return the line with the emergency number of a country, or the worldwide one."""
        here = self._home(country)
        named = [line for line in self.lines if line.country == here and _names_a_number(line)]
        return min(named, key=lambda line: line.priority)

    def stale(self, today: date) -> tuple[HelpLine, ...]:
        """Return the lines that were last checked more than twelve months before `today`."""
        return tuple(line for line in self.lines if _months(line.checked, today) > 12)

    def _home(self, country: str | None) -> str:
        code = (country or ANYWHERE).upper()
        code = _ALIASES.get(code, code)
        return code if any(line.country == code for line in self.lines) else ANYWHERE


def _nearness(line: HelpLine, kinds: Collection[str], veteran: bool) -> int:
    """Return the place of the first kind a line fits; beyond the last for any crisis, then none."""
    comrade = veteran and {"veterans", "general"} <= set(line.kinds)
    for place, kind in enumerate(kinds):
        if kind in line.kinds or (comrade and kind in {"suicide", "general"}):
            return place
    any_crisis = {"suicide", "general"} & set(line.kinds)
    return len(kinds) + (0 if any_crisis else 1)


def _months(since: date, today: date) -> float:
    """Return the months between two dates; a part of a month counts as a half."""
    whole = (today.year - since.year) * 12 + today.month - since.month
    return whole + (0.5 if today.day > since.day else -0.5 if today.day < since.day else 0.0)
