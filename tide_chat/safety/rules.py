"""The rules of the screen, read from `safety/rules/`: patterns with levels, scopes and examples.

A rule says what wording is evidence of what danger, and which surroundings cancel it. It does not
judge a message by itself: `scopes.py` looks at the surroundings, `screen.py` combines.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tide_chat.errors import PolicyError
from tide_chat.safety.lexicon import Lexicon, alternatives, expand, policy_bytes, read_policy
from tide_chat.safety.scopes import SCOPES
from tide_chat.shipped import shipped
from tide_chat.types import Category, Risk, Subject

__all__ = ["Rule", "RuleFile", "RuleSet", "load_rules"]


class RuleFile(BaseModel):
    """One rule as its file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z_]+(\.[a-z_-]+)+$")
    category: Category
    risk: str
    subject: Subject = "self"
    tags: tuple[str, ...] = ()
    """What it contributes to a combination: intent, wish, thoughts, means, soon, preparation."""
    pattern: str
    """One alternative a line, over normalised text; `{name}` stands for a group of the lexicon."""
    scopes: tuple[str, ...]
    """Surroundings that cancel it or make it history."""
    reason: str
    source: str
    positive: tuple[str, ...] = Field(min_length=2)
    negative: tuple[str, ...] = Field(min_length=2)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    rule: tuple[RuleFile, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, compiled."""

    id: str
    category: Category
    risk: Risk
    subject: Subject
    tags: frozenset[str]
    pattern: re.Pattern[str]
    scopes: tuple[str, ...]
    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules, with a version that changes whenever a policy file does."""

    rules: tuple[Rule, ...]
    version: str


def load_rules() -> RuleSet:
    """Return the shipped rules, read once.

    Raises:
        PolicyError: a file is missing or broken; the message names file and rule.
    """
    return _load()


@lru_cache(maxsize=1)
def _load() -> RuleSet:
    folder = shipped("safety") / "rules"
    lexicon = Lexicon.shipped()
    digest = hashlib.sha256(policy_bytes(shipped("safety") / "lexicon.toml"))
    rules: list[Rule] = []
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        raw = policy_bytes(file)
        digest.update(raw)
        try:
            content = _File.model_validate(read_policy(file.name, raw))
        except ValidationError as error:
            raise PolicyError(
                f"rules/{file.name}: {error.error_count()} fields are wrong."
            ) from None
        rules += [_compile(rule, lexicon) for rule in content.rule]
    ids = [rule.id for rule in rules]
    if len(set(ids)) != len(ids) or not ids:
        raise PolicyError("The rules are missing, or two have the same id.")
    return RuleSet(tuple(rules), f"{lexicon.version}+{digest.hexdigest()[:8]}")


def _compile(rule: RuleFile, lexicon: Lexicon) -> Rule:
    unknown = set(rule.scopes) - SCOPES
    if unknown:
        raise PolicyError(f"the rule {rule.id} names an unknown scope: {sorted(unknown)}.")
    lines = "|".join(alternatives(rule.pattern))
    try:
        inner = expand(lines, lexicon.groups)
        pattern = re.compile(rf"(?<!\w)(?:{inner})(?!\w)")
        risk = Risk.of(rule.risk)
    except (re.error, KeyError) as error:
        raise PolicyError(f"the rule {rule.id} is broken: {error}.") from None
    return Rule(
        rule.id,
        rule.category,
        risk,
        rule.subject,
        frozenset(rule.tags),
        pattern,
        rule.scopes,
        rule.positive,
        rule.negative,
    )
