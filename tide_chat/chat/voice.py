"""The companion's voices: the constant beginning of every prompt, read from data files."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tide_chat.errors import BadInput, PolicyError
from tide_chat.shipped import shipped

__all__ = ["Example", "Voice"]


class Example(BaseModel):
    """One exchange that shows the model how replies are written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client: str
    reply: str
    feeling: str = ""
    why: str = ""
    ask: str = ""


class Voice(BaseModel):
    """How the companion speaks; see the comments in `personas/voices`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    language: Literal["en", "es"]
    system: str
    stems: tuple[str, ...]
    stems_es: tuple[str, ...]
    after_crisis: str
    after_crisis_es: str
    example: tuple[Example, ...]

    @classmethod
    @cache
    def shipped(cls, name: str = "steady") -> Voice:
        """Read one of the shipped voices.

        Raises:
            BadInput: there is no voice of that name.
            PolicyError: the voice's file is broken.
        """
        file = shipped("personas") / "voices" / f"{name}.toml"
        if not name.isidentifier() or not file.is_file():
            raise BadInput(f"There is no voice {name!r}; the shipped one is 'steady'.")
        try:
            return cls.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
            raise PolicyError(f"The voice file {name}.toml is broken.") from error
