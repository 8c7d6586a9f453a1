"""What surrounds a piece of evidence: denial, history, quotation, fiction, study, figure of speech.

Each scope looks at the sentence the evidence stands in, not at the whole message: a denial in one
sentence says nothing of an act told in another. A scope either cancels the evidence, or makes it
history, which is heard and is not danger now.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from tide_chat.safety.lexicon import Lexicon, alternatives, expand, phrase_regex

__all__ = ["SCOPES", "Surroundings", "Verdict", "judge"]

Verdict: TypeAlias = Literal["stands", "other", "history", "cancelled"]

_BOUNDARY = re.compile(r"[.?!;|\n]+")
_WORD = re.compile(r"[\w']+")
_FIRST_PERSON = re.compile(r"\b(?:i|me|my|myself|mi|me|yo|mis)\b")
_OTHER_SUBJECT = re.compile(r"\b(?:he|she|they|him|her|them|el|ella|ellos)\b")
_QUOTE_REACH = 400
"""Characters before the evidence in which an opening quotation mark is looked for."""

_ROUTINE = re.compile(
    r"\b(?:prescribed|good patient|breakfast|with (?:food|dinner|water)|blood pressure|as usual|"
    r"every (?:day|morning|night)|daily|vitamins?|antibiotics|on time|for the (?:day|week))\b"
)
_RELATIONSHIP = re.compile(
    r"\b(?:with (?:my|him|her|this)|relationship|marriage|girlfriend|boyfriend|engagement|affair|"
    r"meeting|job|contract|lease|subscription|project|class)\b"
)
_ACCIDENT = re.compile(
    r"\b(?:oven|stove|pan|kettle|iron|cooking|accident\w*|by mistake|shaving|kitchen|gym|coffee|"
    r"barbecue|bbq|grill|running|football|knee|ankle|back)\b"
)
_SPORT = re.compile(
    r"\b(?:(?:at|from|to) the range|shooting range|hunt(?:s|ing|ed)?|deer|target practice|"
    r"competition|drills?|on patrol|on guard|basic training|held (?:a|the) \w+ to my)\b"
)
_DREAM = re.compile(
    r"\b(?:in (?:the|a|my|this) (?:dream|nightmare)|dream(?:ed|t|s)?|nightmares?)\b"
)
_HISTORY_OTHER = re.compile(
    r"\b(?:(?:19|20)\d\d|(?:years?|months|decades) (?:ago|back)|years ago|last (?:year|spring|"
    r"summer|autumn|fall|winter)|when i (?:was|left)|hace \w+ (?:anos|meses)|back then)\b"
)
_STUDY = re.compile(
    r"\b(?:thesis|paper|talk|presentation|statistics?|percentage|research|course|exam|textbook|"
    r"novel|tesis|trabajo|novela)\b"
)
_TOLD_TO = re.compile(r"\b(?:told|telling|tells|said|say|yelled|screamed)(?: at)? (?:me|us) to $")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A piece of evidence in its sentence."""

    text: str
    start: int
    end: int
    left: int
    """Where its sentence begins."""
    right: int
    """Where its sentence ends."""

    @classmethod
    def of(cls, text: str, start: int, end: int) -> Surroundings:
        """Find the sentence around `text[start:end]`."""
        left = 0
        for boundary in _BOUNDARY.finditer(text, max(0, start - 1000), start):
            left = boundary.end()
        after = _BOUNDARY.search(text, end)
        return cls(text, start, end, left, after.start() if after else len(text))

    @property
    def evidence(self) -> str:
        """The evidence itself."""
        return self.text[self.start : self.end]

    @property
    def before(self) -> str:
        """What stands before it in its sentence."""
        return self.text[self.left : self.start]

    @property
    def sentence(self) -> str:
        """Its whole sentence."""
        return self.text[self.left : self.right]


class _Cues:
    """The lexicon's cues, compiled once."""

    def __init__(self, lexicon: Lexicon) -> None:
        scopes = lexicon.scopes
        self.negator = phrase_regex(scopes.negators)
        self.transparent = frozenset(
            word for phrase in alternatives(scopes.transparent) for word in phrase.split()
        )
        self.double_negation = phrase_regex(scopes.double_negation)
        self.answered_no = re.compile(rf"\W*(?:{'|'.join(alternatives(scopes.answered_no))})(?!\w)")
        self.past = phrase_regex(scopes.past)
        self.present = phrase_regex(scopes.present)
        self.speech = phrase_regex(scopes.speech)
        self.fiction = phrase_regex(scopes.fiction)
        self.fiction_break = phrase_regex(scopes.fiction_break)
        self.hypothetical = phrase_regex(scopes.hypothetical)
        self.idiom = phrase_regex(scopes.idiom)
        near = "|".join(alternatives(expand("{soon}|{means}", lexicon.groups)))
        self.near_danger = re.compile(rf"(?<!\w)(?:{near})(?!\w)")


@lru_cache(maxsize=1)
def _cues() -> _Cues:
    return _Cues(Lexicon.shipped())


def judge(place: Surroundings, scopes: tuple[str, ...]) -> Verdict:
    """Return what a rule's scopes make of a piece of evidence; the first that applies decides."""
    for scope in scopes:
        verdict = _JUDGES[scope](place, _cues())
        if verdict != "stands":
            return verdict
    return "stands"


def _negation(place: Surroundings, cues: _Cues) -> Verdict:
    if cues.answered_no.match(place.text, place.end):
        return "cancelled"
    before = place.before
    for negator in reversed(list(cues.negator.finditer(before))):
        between = _WORD.findall(before[negator.end() :])
        if not all(word in cues.transparent for word in between):
            return "stands"
        span = place.text[place.left + max(0, negator.start() - 20) : place.end]
        if cues.double_negation.search(span):
            return "stands"
        return "cancelled"
    return "stands"


def _past(place: Surroundings, cues: _Cues) -> Verdict:
    if not cues.past.search(place.sentence):
        return "stands"
    return "stands" if cues.present.search(place.sentence) else "history"


def _quotation(place: Surroundings, cues: _Cues) -> Verdict:
    if _TOLD_TO.search(place.before):
        return "history"
    opening = place.text[max(0, place.start - _QUOTE_REACH) : place.start]
    if opening.count('"') % 2 == 0 or '"' not in place.text[place.end : place.end + _QUOTE_REACH]:
        return "stands"
    said = opening[: opening.rfind('"')].rstrip(" ,:")
    said = said[max(said.rfind("."), said.rfind("!")) + 1 :]
    speech = list(cues.speech.finditer(said))
    if not speech:
        return "stands"
    speaker = _WORD.findall(said[: speech[-1].start()])[-2:]
    return "stands" if speaker and speaker[-1] in {"i", "yo"} else "history"


def _fiction(place: Surroundings, cues: _Cues) -> Verdict:
    for cue in cues.fiction.finditer(place.sentence):
        between = place.sentence[cue.end() : place.start - place.left]
        if cue.end() > place.start - place.left or not cues.fiction_break.search(between):
            return "cancelled"
    return "stands"


def _hypothetical(place: Surroundings, cues: _Cues) -> Verdict:
    if _FIRST_PERSON.search(place.evidence):
        return "stands"
    return "cancelled" if cues.hypothetical.search(place.sentence) else "stands"


def _study(place: Surroundings, cues: _Cues) -> Verdict:
    return "cancelled" if _STUDY.search(place.text) else "stands"


def _idiom(place: Surroundings, cues: _Cues) -> Verdict:
    """A joke with a means or a time in it is not taken for one."""
    if not cues.idiom.search(place.sentence):
        return "stands"
    return "stands" if cues.near_danger.search(place.sentence) else "cancelled"


def _other_person(place: Surroundings, cues: _Cues) -> Verdict:
    if _FIRST_PERSON.search(place.evidence):
        return "stands"
    if _FIRST_PERSON.search(place.before) or not _OTHER_SUBJECT.search(place.before):
        return "stands"
    return "other"


def _cue(pattern: re.Pattern[str], verdict: Verdict, *, whole: bool = False) -> _Judge:
    def judged(place: Surroundings, cues: _Cues) -> Verdict:
        found = pattern.search(place.text if whole else place.sentence)
        return verdict if found else "stands"

    return judged


_Judge: TypeAlias = Callable[[Surroundings, _Cues], Verdict]

_JUDGES: dict[str, _Judge] = {
    "negation": _negation,
    "past": _past,
    "quotation": _quotation,
    "fiction": _fiction,
    "hypothetical": _hypothetical,
    "hypothetical_strict": _study,
    "idiom": _idiom,
    "other_person": _other_person,
    "routine": _cue(_ROUTINE, "cancelled", whole=True),
    "relationship": _cue(_RELATIONSHIP, "cancelled"),
    "accident": _cue(_ACCIDENT, "cancelled"),
    "sport": _cue(_SPORT, "cancelled"),
    "dream": _cue(_DREAM, "history", whole=True),
    "history_other": _cue(_HISTORY_OTHER, "history", whole=True),
}

SCOPES = frozenset(_JUDGES)
"""Names a rule may list."""
