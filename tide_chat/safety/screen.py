"""Reads every message first: normalise, find evidence, weigh its surroundings, combine.

Two readers look at the same normalised text: wording rules (`rules.py`, `scopes.py`) and a small
trained classifier (`risk_model.py`). The higher level counts. Nothing here holds or logs what was
read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import as_file
from typing import get_args

from tide_chat.errors import MissingPrerequisite
from tide_chat.safety.normalise import normalise
from tide_chat.safety.risk_model import Part, RiskModel, Verdict
from tide_chat.safety.rules import Rule, RuleSet, load_rules
from tide_chat.safety.scopes import Surroundings, judge
from tide_chat.safety.scopes import Verdict as Stands
from tide_chat.shipped import shipped
from tide_chat.types import Category, Finding, Risk, Screening, Sign

__all__ = ["TURN_SEPARATOR", "Screen"]

TURN_SEPARATOR = " || "
"""Between the turns of a conversation given as one text."""

_SIGNS: tuple[Sign, ...] = get_args(Sign)

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

    def __init__(self, rules: RuleSet, model: Callable[[], RiskModel | None] | None = None) -> None:
        """Put a screen together.

        Args:
            rules: The wording rules.
            model: Gives the trained classifier, when it is first needed; none leaves the rules
                alone.
        """
        self._rules = rules
        self._model = model or (lambda: None)

    @classmethod
    def shipped(cls) -> Screen:
        """Return the screen with the shipped rules and classifier.

        Raises:
            PolicyError: a policy file is missing or broken.
        """
        return _shipped()

    @classmethod
    def of_rules(cls) -> Screen:
        """Return the screen with the shipped rules alone."""
        return cls(load_rules())

    @property
    def policy(self) -> str:
        """Version of rules, word lists and classifier."""
        model = self._model()
        return f"{self._rules.version}+{model.name}" if model else self._rules.version

    def warm(self) -> None:
        """Load what the first message would otherwise wait for."""
        self._model()

    def screen(self, text: str | Sequence[str]) -> Screening:
        """Judge a message, or several turns of one person together.

        Args:
            text: A message; or turns, as a list or as one text with ` || ` between them.

        Returns:
            The highest level of any turn and of the turns together. Offsets of findings point into
            the turn they name.

        Raises:
            EncoderError: the classifier failed.
        """
        turns = text.split(TURN_SEPARATOR) if isinstance(text, str) else list(text)
        parts = [part for number, turn in enumerate(turns) for part in _parts(number, turn)]
        findings: list[Finding] = []
        tags: dict[str, Finding] = {}
        newest: set[str] = set()
        for part in parts:
            if part.offset == 0:
                newest.clear()
            for rule, finding, now in self._evidence(part):
                for tag in rule.tags if now else ():
                    tags.setdefault(tag, finding)
                    newest.add(tag)
                if finding.risk > Risk.NONE:
                    findings.append(finding)
        findings += _combined(tags)
        if "minor" in tags:
            findings = [_raised(finding) for finding in findings]
        model = self._model()
        verdict = model.judge(parts) if model else None
        if verdict is not None:
            findings += verdict.findings
            if verdict.explained and len(turns) > 1:
                newest.add("explained")
        return self._screening(findings, newest, verdict)

    def _evidence(self, part: Part) -> Iterator[tuple[Rule, Finding, bool]]:
        """Yield each rule that fired, its finding, and whether it speaks of the present."""
        text = part.normal.text
        for rule in self._rules.rules:
            for match in rule.pattern.finditer(text):
                place = Surroundings.of(text, match.start(), match.end())
                verdict = judge(place, rule.scopes)
                if verdict != "cancelled":
                    yield rule, _finding(rule, verdict, part, place), verdict != "history"
                    if verdict == "stands":
                        break

    def _screening(
        self, findings: list[Finding], tags: set[str], verdict: Verdict | None
    ) -> Screening:
        signs = tuple(sign for sign in _SIGNS if sign in tags)
        ordered = sorted(findings, key=lambda f: (-f.risk, f.turn, f.start, f.rule))
        risk = ordered[0].risk if ordered else Risk.NONE
        if verdict is not None:
            risk = max(risk, verdict.otherwise)
        categories: tuple[Category, ...] = tuple(dict.fromkeys(f.category for f in ordered))
        return Screening(
            risk, categories, tuple(ordered), _score(risk, ordered, verdict), self.policy, signs
        )


@lru_cache(maxsize=1)
def _shipped() -> Screen:
    return Screen(load_rules(), _shipped_model)


@lru_cache(maxsize=1)
def _shipped_model() -> RiskModel | None:
    """Return the shipped classifier, or none where its libraries are not installed."""
    from tide_chat.encoder.reader import OnnxReader

    try:
        with as_file(shipped("safety") / "classifier") as folder:
            return RiskModel(OnnxReader(folder, "screen"))
    except MissingPrerequisite:
        return None


def _score(risk: Risk, findings: list[Finding], verdict: Verdict | None) -> float:
    """Return 0 to 1: a fifth for each level, and within it how sure the classifier is."""
    if risk is Risk.NONE and verdict is None:
        return 0.0
    more = verdict.score if verdict is not None else min(1.0, 0.1 * len(findings))
    return (risk + min(more, 0.999)) / 5


def _parts(number: int, turn: str) -> Iterator[Part]:
    """Yield a turn whole, or a long one in overlapping windows."""
    for start in range(0, max(1, len(turn)), _WINDOW):
        yield Part(number, start, normalise(turn[start : start + _WINDOW + _OVERLAP]))


def _finding(rule: Rule, verdict: Stands, part: Part, place: Surroundings) -> Finding:
    span = part.normal.original(place.start, place.end)
    found = Finding(
        rule.id,
        rule.category,
        rule.risk,
        part.offset + span.start,
        part.offset + span.end,
        rule.subject,
        part.turn,
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
