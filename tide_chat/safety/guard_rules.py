"""The guard's rules as they lie in `safety/guard/*.toml`, read and compiled.

A rule is data a clinician can read: what act it stops, the wordings, what permits them, why, and
examples of both sides that run as tests. Patterns are matched against folded text (lower case, no
accents, straight quotes), at word edges, and may name word lists of `words.toml` as `{drug}`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tide_chat.errors import PolicyError
from tide_chat.types import GuardAct

__all__ = ["CompiledRule", "GuardRule", "Limits", "RuleBook", "read_rules"]

_ACTS: tuple[str, ...] = get_args(GuardAct)
_LIST_NAME = re.compile(r"\{([a-z_]+)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Example(_Strict):
    """A reply, or a part of one, that shows what a rule does."""

    text: str
    user: str = ""
    """The message it answers, where that matters."""


class GuardRule(_Strict):
    """One rule as it is written."""

    id: str = Field(pattern=r"^guard\.[a-z_]+\.[a-z_]+$")
    act: GuardAct
    patterns: tuple[str, ...] = Field(min_length=1)
    """Wordings; any of them is enough."""
    layout: bool = False
    """Matched on the text with its line breaks, and not only at word edges."""
    unless: str | None = None
    """Permits the wording when found in the same sentence, up to the end of the clause."""
    unless_before: str | None = None
    """Permits the wording when found right before it, in the same sentence."""
    unless_user: str | None = None
    """Permits the wording when found in the user's message; `{said}` stands for what
    the match's named group caught (`said`, `said2`, ...), and permits nothing when none did."""
    reported: bool = True
    """Whether the wording is permitted when the reply reports it as somebody's words."""
    quotes: bool = False
    """Whether the wording is permitted inside any quotation marks, not only the user's words."""
    weak: bool = False
    """Whether the wording alone decides nothing: the trained classifier, where there is one, must
    at least doubt the sentence too."""
    reason: str
    source: str
    positive: tuple[Example, ...] = Field(min_length=3)
    negative: tuple[Example, ...] = Field(min_length=3)

    @field_validator("positive", "negative", mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if isinstance(value, list):
            return [{"text": item} if isinstance(item, str) else item for item in value]
        return value


class Limits(_Strict):
    """How long a reply may be."""

    words: int = Field(gt=0)
    characters: int = Field(gt=0)


class _RuleFile(_Strict):
    version: str
    rule: tuple[GuardRule, ...]


class _WordFile(_Strict):
    version: str
    limits: Limits
    reported: str
    words: dict[str, str]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be matched."""

    rule: GuardRule
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    unless_before: re.Pattern[str] | None
    local: bool
    """Whether a match within a prefix is still one within the whole: no look-ahead, no layout."""

    def permits_user(self, match: re.Match[str], user: str) -> bool:
        """Whether the user's own message permits what was matched."""
        if self.rule.unless_user is None or not user:
            return False
        pattern = self.rule.unless_user
        if "{said}" in pattern:
            said = next((value for value in match.groupdict().values() if value), None)
            if said is None:
                return False
            pattern = pattern.replace("{said}", re.escape(said))
        return re.search(pattern, user) is not None


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules with what they share."""

    rules: tuple[CompiledRule, ...]
    limits: Limits
    reported: re.Pattern[str]
    """Ends where somebody's words begin: "your mother said that"."""
    policy: str
    """Version of the files: the newest date in them and a hash of them all."""


def read_rules(folder: Traversable) -> RuleBook:
    """Read and compile the rule files of a folder.

    Raises:
        PolicyError: a file is missing, unreadable, or not what a rule file is.
    """
    try:
        texts = {
            entry.name: entry.read_text(encoding="utf-8")
            for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
            if entry.name.endswith(".toml")
        }
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"The guard's rules cannot be read: {type(error).__name__}.") from error
    if "words.toml" not in texts or len(texts) < 2:
        raise PolicyError("The guard's rules are not installed; install tide-chat again.")
    name = ""
    try:
        name = "words.toml"
        shared = _WordFile.model_validate(tomllib.loads(texts[name]))
        files: list[_RuleFile] = []
        for name, text in texts.items():
            if name != "words.toml":
                files.append(_RuleFile.model_validate(tomllib.loads(text)))
        compiled = tuple(_compile(rule, shared.words) for file in files for rule in file.rule)
        reported = re.compile(_expand(shared.reported, shared.words))
    except (tomllib.TOMLDecodeError, ValidationError, re.error, KeyError) as error:
        raise PolicyError(f"The guard's rule file {name!r} is broken: {error}.") from error
    ids = [each.rule.id for each in compiled]
    if len(set(ids)) != len(ids):
        raise PolicyError("Two of the guard's rules have the same id.")
    digest = hashlib.sha256("\0".join(texts.values()).encode()).hexdigest()[:8]
    newest = max([shared.version, *(file.version for file in files)])
    return RuleBook(compiled, shared.limits, reported, f"{newest}+{digest}")


def _compile(rule: GuardRule, words: dict[str, str]) -> CompiledRule:
    if rule.unless_user is not None:
        rule = rule.model_copy(update={"unless_user": _expand(rule.unless_user, words, "said")})
        re.compile((rule.unless_user or "").replace("{said}", "said"))
    body = "|".join(_expand(pattern, words) for pattern in rule.patterns)
    return CompiledRule(
        rule=rule,
        pattern=re.compile(body if rule.layout else rf"(?<!\w)(?:{body})(?!\w)"),
        unless=None if rule.unless is None else re.compile(_expand(rule.unless, words)),
        unless_before=(
            None
            if rule.unless_before is None
            else re.compile(rf"(?:{_expand(rule.unless_before, words)})$")
        ),
        local=not rule.layout and not re.search(r"\(\?[=!>]|\$|\\Z|[*+?}]\+", body),
    )


def _expand(pattern: str, words: dict[str, str], *kept: str) -> str:
    """Put word lists in place of their names; a list may name others."""
    for _ in range(4):
        pattern = _LIST_NAME.sub(
            lambda found: (
                found.group() if found.group(1) in kept else f"(?:{words[found.group(1)]})"
            ),
            pattern,
        )
    return pattern
