"""Reads every message first: normalise, find evidence, weigh its surroundings, combine.

Rules only, in this version; the trained classifier and the memory across turns come on top of it
and may raise a level, never lower one. Nothing here holds or logs what was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import get_args

from tide_chat.safety.normalise import Normalised, normalise
from tide_chat.safety.rules import Rule, RuleSet, load_rules
from tide_chat.safety.scopes import Surroundings, Verdict, judge
from tide_chat.types import Category, Finding, Risk, Screening, Sign

__all__ = ["TURN_SEPARATOR", "Screen"]

TURN_SEPARATOR = " || "
"""Between the turns of a conversation given as one text."""

_SIGNS: tuple[Sign, ...] = get_args(Sign)

_SCORES = {Risk.NONE: 0.0, Risk.LOW: 0.2, Risk.MODERATE: 0.5, Risk.HIGH: 0.75, Risk.IMMINENT: 0.95}
"""The score is ordinal: a level's base, plus a little for each further finding of that level."""

_MORE = 0.01
_WINDOW = 20_000
_OVERLAP = 600
"""Characters of a long message that are read at a time, and by how much the windows overlap."""

_COMBINATIONS: tuple[tuple[frozenset[str], frozenset[str], Risk], ...] = (
    (frozenset({"intent"}), frozenset({"means", "soon", "preparation", "final"}), Risk.IMMINENT),
    (frozenset({"preparation"}), frozenset({"soon", "means"}), Risk.IMMINENT),
    (frozenset({"final"}), frozenset({"means"}), Risk.IMMINENT),
    (frozenset({"wish", "thoughts"}), frozenset({"means"}), Risk.HIGH),
)
"""Evidence that says more together: any of the first with any of the second gives the level.
Intent with plan or means is imminent, preparation clearly aimed at dying too (label rules)."""


class Screen:
    """The safety layer's reader. Immutable; one instance may be used from several threads."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules

    @classmethod
    def shipped(cls) -> Screen:
        """Return the screen with the shipped rules.

        Raises:
            PolicyError: a policy file is missing or broken.
        """
        return _shipped()

    @property
    def policy(self) -> str:
        """Version of the rules and word lists."""
        return self._rules.version

    def screen(self, text: str | Sequence[str]) -> Screening:
        """Judge a message, or several turns of one person together.

        Args:
            text: A message; or turns, as a list or as one text with ` || ` between them.

        Returns:
            The highest level of any turn and of the turns together. Offsets of findings point into
            the turn they name.
        """
        turns = text.split(TURN_SEPARATOR) if isinstance(text, str) else list(text)
        findings: list[Finding] = []
        tags: dict[str, Finding] = {}
        newest: set[str] = set()
        for number, turn in enumerate(turns):
            newest.clear()
            for rule, finding, now in self._evidence(turn, number):
                for tag in rule.tags if now else ():
                    tags.setdefault(tag, finding)
                    newest.add(tag)
                if finding.risk > Risk.NONE:
                    findings.append(finding)
        findings += _combined(tags)
        if "minor" in tags:
            findings = [_raised(finding) for finding in findings]
        return self._screening(findings, newest)

    def _evidence(self, turn: str, number: int) -> Iterator[tuple[Rule, Finding, bool]]:
        """Yield each rule that fired, its finding, and whether it speaks of the present."""
        for offset, part in _windows(turn):
            normal = normalise(part)
            for rule in self._rules.rules:
                for match in rule.pattern.finditer(normal.text):
                    place = Surroundings.of(normal.text, match.start(), match.end())
                    verdict = judge(place, rule.scopes)
                    if verdict != "cancelled":
                        found = _finding(rule, verdict, normal, place, offset, number)
                        yield rule, found, verdict != "history"
                        if verdict == "stands":
                            break

    def _screening(self, findings: list[Finding], tags: set[str]) -> Screening:
        signs = tuple(sign for sign in _SIGNS if sign in tags)
        ordered = sorted(findings, key=lambda f: (-f.risk, f.turn, f.start, f.rule))
        if not ordered:
            return Screening(Risk.NONE, policy=self.policy, signs=signs)
        risk = ordered[0].risk
        same = sum(finding.risk is risk for finding in ordered)
        score = min(_SCORES[risk] + _MORE * (same - 1), _SCORES[risk] + 0.04)
        categories: tuple[Category, ...] = tuple(dict.fromkeys(f.category for f in ordered))
        return Screening(risk, categories, tuple(ordered), score, self.policy, signs)


@lru_cache(maxsize=1)
def _shipped() -> Screen:
    return Screen(load_rules())


def _windows(turn: str) -> Iterator[tuple[int, str]]:
    """Yield a message whole, or a long one in overlapping windows with where each begins."""
    for start in range(0, max(1, len(turn)), _WINDOW):
        yield start, turn[start : start + _WINDOW + _OVERLAP]


def _finding(
    rule: Rule, verdict: Verdict, normal: Normalised, place: Surroundings, offset: int, turn: int
) -> Finding:
    span = normal.original(place.start, place.end)
    found = Finding(
        rule.id,
        rule.category,
        rule.risk,
        offset + span.start,
        offset + span.end,
        rule.subject,
        turn,
    )
    if verdict == "other":
        return replace(found, subject="other")
    if verdict == "history":
        category: Category = "grief" if rule.subject == "other" else "trauma_disclosure"
        lowered = min(rule.risk, Risk.LOW)
        return replace(found, risk=lowered, category=category)
    return found


def _combined(tags: dict[str, Finding]) -> Iterator[Finding]:
    for first, second, risk in _COMBINATIONS:
        one = next((tags[tag] for tag in sorted(first) if tag in tags), None)
        other = next((tags[tag] for tag in sorted(second) if tag in tags), None)
        if one is not None and other is not None and one.risk < risk:
            yield replace(one, rule=f"{one.rule}+{other.rule}", risk=risk, category="suicide")


def _raised(finding: Finding) -> Finding:
    """Raise a minor's own suicidal thoughts by one level."""
    if finding.category != "suicide" or finding.subject != "self" or finding.risk < Risk.MODERATE:
        return finding
    return replace(finding, risk=Risk(min(finding.risk + 1, Risk.IMMINENT)))
