"""What a user may set: one TOML file, overridden by `TIDE_` variables.

Read when asked for, never at import. Nothing here is inferred from who the person is.
"""

from __future__ import annotations

import locale
import os
import re
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tide_chat.errors import BadInput
from tide_chat.paths import Paths, private_folder

__all__ = ["Settings", "guess_country", "write_setting"]


class Settings(BaseSettings):
    """The user's settings, each with its default."""

    model_config = SettingsConfigDict(env_prefix="TIDE_", extra="ignore", frozen=True)

    model: str | None = None
    """Id of the model to talk to; none chooses by free memory."""
    country: str | None = Field(default=None, pattern=r"^[A-Za-z]{2}$")
    """Two-letter country whose help lines are shown; none guesses from the system's locale."""
    language: Literal["en", "es"] = "en"
    """Language of the fixed texts."""
    voice: str = "steady"
    """Name of the companion's voice in `personas/voices`."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads of the language model; none takes the cores this process may use."""
    gpu_layers: int = Field(default=-1, ge=-1)
    """Layers to put on a GPU where the build of llama.cpp supports one; -1 is all, 0 none."""
    context_tokens: int = Field(default=4096, ge=1024, le=131072)
    """Length of the model's context."""
    retrieval: bool = True
    """Whether reference passages are laid before the model."""
    count_referrals: bool = True
    """Whether a yearly count of how often help lines were named is kept on this machine."""

    @classmethod
    def load(cls, paths: Paths | None = None) -> Settings:
        """Read the settings file and the environment.

        Raises:
            BadInput: a value is out of range; the message names the setting, not its value.
        """
        file = (paths or Paths.default()).settings_file

        class Here(Settings):
            model_config = SettingsConfigDict(toml_file=file)

            @classmethod
            def settings_customise_sources(
                cls,
                settings_cls: type[BaseSettings],
                init_settings: PydanticBaseSettingsSource,
                env_settings: PydanticBaseSettingsSource,
                dotenv_settings: PydanticBaseSettingsSource,
                file_secret_settings: PydanticBaseSettingsSource,
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

        try:
            loaded = Here()
        except ValidationError as error:
            names = ", ".join(sorted({str(e["loc"][0]) for e in error.errors()}))
            raise BadInput(f"These settings cannot be used: {names}; see {file}.") from None
        except (ValueError, OSError) as error:
            raise BadInput(
                f"The settings file {file} is not valid TOML; mend or delete it."
            ) from error
        return cls.model_construct(**loaded.model_dump())

    def with_country(self) -> str | None:
        """Return the country set, or the one the locale suggests, or none."""
        return self.country.upper() if self.country else guess_country()


_REGION = re.compile(r"^[a-z]{2,3}[_-]([A-Za-z]{2})\b")


def guess_country() -> str | None:
    """Return the region of the system's locale, or none; never asks a network or a position."""
    names = [os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    if sys.platform == "win32":
        # Elsewhere Python reads C.UTF-8 as American English, which would show American numbers.
        names.append(locale.getlocale()[0])
    for name in names:
        if name and (match := _REGION.match(name)):
            return match.group(1).upper()
    return None


def write_setting(name: str, value: str, paths: Paths | None = None) -> Path:
    """Set one top-level text value in the settings file and return the file's path."""
    file = (paths or Paths.default()).settings_file
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    kept = [line for line in lines if not re.match(rf"\s*{re.escape(name)}\s*=", line)]
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    private_folder(file.parent)
    file.write_text("\n".join([f'{name} = "{escaped}"', *kept]) + "\n", encoding="utf-8")
    return file
