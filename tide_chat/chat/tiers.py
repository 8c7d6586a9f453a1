"""Which messages the policy answers instead of the model, and with which of its texts.

Two tiers (docs/architecture.md): `care`, a warm direct question at moderate risk, once an episode;
`crisis`, the fixed crisis text at high and imminent risk, every time. The texts and the help lines
come from the policy's files; this module only chooses among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tide_chat.safety.help_lines import HelpLine, HelpLines, LineKind
from tide_chat.safety.responses import EpisodeName, FallbackName, Responses
from tide_chat.types import Category, Risk, Screening, Subject

__all__ = ["FixedAnswers", "Offered", "Tier", "gravest", "tier_of"]

Tier: TypeAlias = Literal["care", "crisis"]

_CARED_FOR: frozenset[Category] = frozenset({
    "suicide",
    "self_harm",
    "harm_to_others",
    "abuse_ongoing",
    "child_safety",
    "dissociation",
    "psychosis",
    "substance",
    "eating",
    "sexual_violence",
    "medical_emergency",
})
"""Categories whose moderate level gets the policy's question; panic, grief and past trauma at that
level are what the companion is for, and go to the model."""

_LINES: dict[str, tuple[LineKind, ...]] = {
    "suicide": ("suicide", "general"),
    "self_harm": ("suicide", "general"),
    "harm_to_others": ("general", "suicide"),
    "abuse_ongoing": ("domestic_violence", "general"),
    "child_safety": ("child", "general"),
    "medical_emergency": ("poison", "general"),
    "dissociation": ("general", "suicide"),
    "psychosis": ("general", "suicide"),
    "substance": ("substance", "general"),
    "sexual_violence": ("sexual_violence", "general"),
}

_FALLBACKS: dict[str, FallbackName] = {
    "screen": "screening_failed",
    "policy": "screening_failed",
    "guard": "guard_failed",
    "engine": "engine_failed",
    "loading": "model_loading",
}


def tier_of(screening: Screening) -> Tier | None:
    """Return the tier that answers a message, or none where the model may."""
    if screening.risk >= Risk.HIGH:
        return "crisis"
    if screening.risk is Risk.MODERATE:
        moderate = {f.category for f in screening.findings if f.risk is Risk.MODERATE}
        if not screening.findings or moderate & _CARED_FOR:
            return "care"
    return None


def gravest(screening: Screening) -> tuple[Category | Literal["general"], Subject]:
    """Return category and subject of the gravest finding, the first category breaking ties."""
    if not screening.findings:
        return (screening.categories[0] if screening.categories else "general"), "self"
    order = {category: rank for rank, category in enumerate(screening.categories)}
    worst = max(screening.findings, key=lambda f: (f.risk, -order.get(f.category, len(order))))
    return worst.category, worst.subject


@dataclass(frozen=True, slots=True)
class Offered:
    """A fixed text with the ids of the help lines it names."""

    text: str
    help_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FixedAnswers:
    """Chooses the policy's text and lines for a screening."""

    responses: Responses
    help_lines: HelpLines

    def answer(
        self, screening: Screening, tier: Tier, country: str | None, language: str
    ) -> Offered:
        """Return the text for a tier.

        Args:
            screening: What the safety layer found.
            tier: As `tier_of` gave it.
            country: Whose help lines are named; none names the worldwide set.
            language: `en` or `es`.
        """
        kind, contacts, emergency = self._about(screening, country, tier)
        if tier == "care":
            text = self.responses.care(kind, language, emergency=emergency, contacts=contacts)
            return _offered(text, contacts[:1])
        text = self.responses.crisis(
            kind, screening.risk.label, language, emergency=emergency, contacts=contacts
        )
        return _offered(text, (emergency, *contacts))

    def episode(
        self, name: EpisodeName, screening: Screening, country: str | None, language: str
    ) -> Offered:
        """Return a text of an episode that has had its card; arguments as for `answer`."""
        _, contacts, emergency = self._about(screening, country, "crisis")
        text = self.responses.episode(name, language, emergency=emergency, contacts=contacts)
        named = [
            line
            for line in (*contacts[:1], emergency)
            if line.describe(language) in text or (line.call and line.call in text)
        ]
        return _offered(text, named)

    def _about(
        self, screening: Screening, country: str | None, tier: Tier
    ) -> tuple[str, tuple[HelpLine, ...], HelpLine]:
        """Return which text a screening asks for, the lines it may name, and the emergency one."""
        category, subject = gravest(screening)
        kinds = _LINES.get(category, ("general", "suicide"))
        kind: str = category
        signs = screening.signs
        if subject == "other" and tier == "crisis":
            kind = "third_party"
        elif category == "suicide" and "taken" in signs and tier == "crisis":
            kind = "overdose"
        elif category in {"suicide", "self_harm"} and "minor" in signs:
            kind, kinds = "minor", ("suicide", "child")
        lines = self.help_lines
        return kind, lines.first(country, kinds), lines.emergency(country)

    def fallback(self, stage: str, country: str | None, language: str) -> Offered:
        """Return the text for a part of the turn that failed."""
        emergency = self.help_lines.emergency(country)
        contacts = self.help_lines.first(country, ("suicide", "general"))
        name = _FALLBACKS.get(stage, "engine_failed")
        text = self.responses.fallback(name, language, emergency=emergency, contacts=contacts)
        named = (
            (*contacts[:1], emergency)
            if emergency.call and emergency.call in text
            else contacts[:1]
        )
        return _offered(text, named)


def _offered(text: str, lines: Sequence[HelpLine]) -> Offered:
    return Offered(text, tuple(dict.fromkeys(line.id for line in lines)))
