"""Loads `safety/lexicon.toml`: disguises of spelling, shared word groups, cues of the scopes.

Only data and its checks; what is done with it stands in `normalise`, `scopes` and `rules`.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources.abc import Traversable

from pydantic import BaseModel, ConfigDict, ValidationError

from tide_chat.errors import PolicyError
from tide_chat.shipped import shipped

__all__ = ["Lexicon", "alternatives", "expand", "phrase_regex", "read_policy"]

_MACRO = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class _Lists(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: str
    """Words that may hide under leetspeak, spacing or stretched letters, separated by blanks."""


class _Scopes(BaseModel):
    """Cues of each scope, one alternative a line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    negators: str
    transparent: str
    double_negation: str
    answered_no: str
    past: str
    present: str
    speech: str
    speakers: str
    fiction: str
    fiction_break: str
    hypothetical: str
    idiom: str


class Lexicon(BaseModel):
    """The whole file, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    characters: dict[str, str]
    """Single characters to plain text."""
    emoji: dict[str, str]
    """Emoji to the word they stand for."""
    leet: dict[str, str]
    """A sign to the letters it may stand for."""
    words: dict[str, str]
    """A token to its plain writing."""
    phrases: dict[str, str]
    """Several tokens to their plain writing."""
    lists: _Lists
    groups: dict[str, str]
    """Shared macros of the rules."""
    scopes: _Scopes

    @classmethod
    def parse(cls, raw: bytes) -> Lexicon:
        """Read the file's bytes.

        Raises:
            PolicyError: they are not the lexicon's shape.
        """
        try:
            return cls.model_validate(read_policy("lexicon.toml", raw))
        except ValidationError as error:
            raise PolicyError(f"lexicon.toml: {error.error_count()} fields are wrong.") from None

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> Lexicon:
        """Return the lexicon that travels with the package."""
        return cls.parse(policy_bytes(shipped("safety") / "lexicon.toml"))


def policy_bytes(file: Traversable) -> bytes:
    """Return a policy file's bytes.

    Raises:
        PolicyError: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise PolicyError(f"{file.name}: cannot be read ({error.strerror}).") from None


def read_policy(name: str, raw: bytes) -> dict[str, object]:
    """Parse TOML, naming the file and the line where it is broken.

    Raises:
        PolicyError: it is not UTF-8 or not TOML.
    """
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyError(f"{name}: {error}") from None


def alternatives(lines: str) -> tuple[str, ...]:
    """Split a group or a pattern into its alternatives: one a line, blank lines passed over."""
    return tuple(line for line in map(str.strip, lines.splitlines()) if line)


def expand(pattern: str, groups: dict[str, str], *, depth: int = 0) -> str:
    """Write out every `{name}` of a pattern.

    Raises:
        PolicyError: a name is unknown or refers to itself.
    """
    if depth > 5:
        raise PolicyError("a group of the rules refers to itself.")

    def group(match: re.Match[str]) -> str:
        name = match[1]
        if name not in groups:
            raise PolicyError(f"the group {name!r} is used but not defined.")
        inner = "|".join(alternatives(groups[name]))
        return f"(?:{expand(inner, groups, depth=depth + 1)})"

    return _MACRO.sub(group, pattern)


def phrase_regex(lines: str, groups: dict[str, str] | None = None) -> re.Pattern[str]:
    """Compile alternatives, one a line, to be found as whole words.

    Raises:
        PolicyError: a line is not a regular expression.
    """
    inner = expand("|".join(alternatives(lines)), groups or {})
    try:
        return re.compile(rf"(?<!\w)(?:{inner})(?!\w)")
    except re.error as error:
        raise PolicyError(f"a pattern is not a regular expression: {error}.") from None
