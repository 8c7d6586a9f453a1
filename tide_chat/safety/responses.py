"""The fixed texts of the safety policy, ready to show.

Reads `safety/responses.toml` and fills in help lines. It never writes a sentence of its own, makes
no phone number (those come from `HelpLine` alone), and does not decide when a text is due.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from string import Formatter
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic import model_validator as checked_whole

from tide_chat.errors import MissingPrerequisite, PolicyError
from tide_chat.safety.help_lines import ANYWHERE, HelpLine
from tide_chat.shipped import shipped

__all__ = ["EpisodeName", "FallbackName", "Language", "Responses"]

EpisodeName: TypeAlias = Literal[
    "repeat", "repeat_again", "explained", "denied", "reached", "calm", "follow_up"
]
"""The texts of an episode after its first card; docs/safety-protocol.md says when each is due."""

FallbackName: TypeAlias = Literal[
    "screening_failed",
    "engine_failed",
    "guard_failed",
    "guard_replaced",
    "model_loading",
    "cancelled",
    "empty_message",
    "too_long",
]

_PLACES = frozenset({"emergency", "contact_first", "contact_second"})
_SENTENCE = re.compile(r"(?<=[.?]) +")


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _usable(text: str) -> str:
    if not text.strip():
        raise ValueError("a text is empty")
    if unknown := _places(text) - _PLACES:
        raise ValueError(f"no such placeholder: {sorted(unknown)}")
    return text


def _plain(text: str) -> str:
    if _places(_usable(text)):
        raise ValueError("this text takes no placeholder")
    return text


_Text = Annotated[str, AfterValidator(_usable)]
_Plain = Annotated[str, AfterValidator(_plain)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Crisis(_Model):
    imminent: _Text
    high: _Text


class _Disclosure(_Model):
    text: _Plain
    new_york: _Plain


class Language(_Model):
    """Every fixed text in one language."""

    emergency_elsewhere: _Plain
    """What stands for the emergency number where the country is not known."""
    are_you_human: _Plain
    privacy_promise: _Plain
    disclosure: _Disclosure
    episode: dict[EpisodeName, _Text]
    crisis: dict[str, _Crisis]
    care: dict[str, _Text]
    fallback: dict[FallbackName, _Text]


class _File(_Model):
    version: str
    en: Language
    es: Language

    @checked_whole(mode="after")
    def _whole(self) -> _File:
        for language in (self.en, self.es):
            if "general" not in language.crisis or "general" not in language.care:
                raise ValueError("the `general` texts are missing")
            if set(language.episode) != set(get_args(EpisodeName)):
                raise ValueError("a text of the episode is missing")
            if set(language.fallback) != set(get_args(FallbackName)):
                raise ValueError("a fallback text is missing")
            if language.crisis.keys() != self.en.crisis.keys():
                raise ValueError("the languages differ in their crisis texts")
            if language.care.keys() != self.en.care.keys():
                raise ValueError("the languages differ in their care texts")
        return self


@dataclass(frozen=True)
class Responses:
    """The fixed texts by language; every method returns a finished text.

    An unknown kind gives the `general` text and an unknown language the English one. Where fewer
    help lines are handed in than a text names, the sentence that names the missing one is left out.
    """

    version: str
    languages: dict[str, Language]

    @classmethod
    def load(cls, source: str | Traversable) -> Responses:
        """Read the texts from TOML text or a file.

        Raises:
            PolicyError: the file is missing, is not TOML, or a text is missing or broken.
        """
        try:
            text = source if isinstance(source, str) else source.read_text(encoding="utf-8")
            file = _File.model_validate(tomllib.loads(text))
        except (OSError, ValueError) as error:
            reason = (
                "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
                if isinstance(error, ValidationError)
                else str(error)
            )
            raise PolicyError(f"The fixed texts cannot be used: {reason}.") from error
        return cls(version=file.version, languages={"en": file.en, "es": file.es})

    @classmethod
    @cache
    def shipped(cls) -> Responses:
        """Return the texts that came with the program, read once.

        Raises:
            PolicyError: they are missing or broken.
        """
        try:
            folder = shipped("safety")
        except MissingPrerequisite as error:
            raise PolicyError("The fixed texts are missing; install tide-chat again.") from error
        return cls.load(folder / "responses.toml")

    def crisis(
        self,
        kind: str,
        risk: str,
        language: str = "en",
        *,
        emergency: HelpLine,
        contacts: Sequence[HelpLine],
    ) -> str:
        """Return the crisis text for a kind of danger.

        Args:
            kind: A category of the policy, `third_party` or `general`.
            risk: `high`; any other label gives the text for `imminent`.
            language: Two letters.
            emergency: The line with the emergency number, from `HelpLines.emergency`.
            contacts: At most the first two are named.
        """
        texts = self._in(language).crisis
        chosen = texts.get(kind, texts["general"])
        text = chosen.high if risk == "high" else chosen.imminent
        return self._fill(text, language, emergency, contacts)

    def care(
        self,
        kind: str,
        language: str = "en",
        *,
        emergency: HelpLine,
        contacts: Sequence[HelpLine],
    ) -> str:
        """Return the gentle question for moderate risk, with one source of human support."""
        texts = self._in(language).care
        return self._fill(texts.get(kind, texts["general"]), language, emergency, contacts)

    def episode(
        self,
        name: EpisodeName,
        language: str = "en",
        *,
        emergency: HelpLine,
        contacts: Sequence[HelpLine],
    ) -> str:
        """Return a text of an episode that has had its card."""
        return self._fill(self._in(language).episode[name], language, emergency, contacts)

    def fallback(
        self,
        name: FallbackName,
        language: str = "en",
        *,
        emergency: HelpLine | None = None,
        contacts: Sequence[HelpLine] = (),
    ) -> str:
        """Return the text that stands in when a part of the turn did not work."""
        return self._fill(self._in(language).fallback[name], language, emergency, contacts)

    def are_you_human(self, language: str = "en") -> str:
        """Return the answer to someone who asks what they are talking to."""
        return self._in(language).are_you_human

    def privacy_promise(self, language: str = "en") -> str:
        """Return the two sentences on where the words go."""
        return self._in(language).privacy_promise

    def disclosure(self, language: str = "en") -> str:
        """Return the text for the first run."""
        return self._in(language).disclosure.text

    def new_york(self, language: str = "en") -> str:
        """Return the notice that New York prescribes at the start and every three hours."""
        return self._in(language).disclosure.new_york

    def _in(self, language: str) -> Language:
        return self.languages.get(language, self.languages["en"])

    def _fill(
        self, text: str, language: str, emergency: HelpLine | None, contacts: Sequence[HelpLine]
    ) -> str:
        values = {
            place: line.describe(language)
            for place, line in zip(("contact_first", "contact_second"), contacts, strict=False)
        }
        if emergency is not None and emergency.call is not None:
            elsewhere = emergency.country == ANYWHERE
            values["emergency"] = (
                self._in(language).emergency_elsewhere if elsewhere else emergency.call
            )
        said = [part for part in _SENTENCE.split(text) if _places(part) <= values.keys()]
        return " ".join(said).format_map(values)
