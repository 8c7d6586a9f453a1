"""A draft as the guard reads it: cut into clauses, and folded into plain text with offsets kept.

Both happen while the draft is still growing, and both depend on the draft alone, never on the
pieces it came in: a clause is cut where the text up to the cut says so, and every character is
folded by itself. That is what makes a stream's outcome independent of its chunks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Clause", "Clauses", "Folded", "fold"]

_LONG = 240
"""A clause without punctuation is cut at the last white space before this many characters."""
_TORN = 400
"""Without any white space either it is torn here, inside a word; the guard never lets that pass."""

_END = re.compile(r"\n|[.!?,;:\u2026\u2012-\u2015-][\"'\u2019\u201d\u00bb)\]*_]{0,4}\s")
_SPACE = re.compile(r"\s")
_ABBREVIATION = re.compile(
    r"(?:^|[^\w.])(?:[ap]\.m|e\.g|i\.e|dr|mrs?|ms|sra?|st|vs)$", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?:\n|[.!?\u2026][\"'\u2019\u201d\u00bb)\]*_]{0,4}\s)$")
_LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_STRAIGHT = str.maketrans({
    **dict.fromkeys("\u2018\u2019\u201b\u02bc\u0060\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
})


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of the draft that is judged at once, white space at its end included."""

    text: str
    torn: bool = False
    """Cut inside a word, because there was no white space for hundreds of characters."""
    last: bool = False
    """What was held when the draft ended, possibly nothing."""

    @property
    def ends_sentence(self) -> bool:
        """Whether the next clause begins a new sentence."""
        return _SENTENCE_END.search(self.text) is not None


class Clauses:
    """Cuts a growing draft into clauses.

    A clause ends after the white space that follows `.!?,;:` or a dash, and after a line break;
    "3.5", "6:30" and "a.m." do not end one.
    """

    def __init__(self) -> None:
        self._tail = ""

    def feed(self, piece: str) -> Iterator[Clause]:
        """Yield the clauses that are complete now; what remains is held."""
        text = self._tail + piece
        start = 0
        try:
            while clause := _next_clause(text, start):
                start += len(clause.text)
                yield clause
        finally:
            self._tail = text[start:]

    def finish(self) -> Clause:
        """Return what is held at the end of the draft, possibly empty."""
        rest, self._tail = self._tail, ""
        return Clause(rest, last=True)


def _next_clause(text: str, start: int) -> Clause | None:
    stop = start + _LONG
    for found in _END.finditer(text, start, stop):
        if not (text[found.start()] == "." and _ABBREVIATION.search(text[start : found.start()])):
            return Clause(text[start : found.end()])
    if len(text) < stop:
        return None
    for at in range(stop - 1, start, -1):
        if text[at].isspace():
            return Clause(text[start : at + 1])
    if space := _SPACE.search(text, stop, start + _TORN):
        return Clause(text[start : space.end()])
    if len(text) < start + _TORN:
        return None
    return Clause(text[start : start + _TORN], torn=True)


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character in _LINE_ENDS:
        return "\n"
    if character.isspace():
        return " "
    if unicodedata.category(character) in {"Cf", "Mn", "Me"}:
        return ""
    plain = unicodedata.normalize("NFKD", character.translate(_STRAIGHT)).translate(_STRAIGHT)
    kept = "".join(part for part in plain if unicodedata.category(part) not in {"Cf", "Mn", "Me"})
    return " " if kept.isspace() else kept.lower()


class Folded:
    """The draft in lower case, without accents, invisible characters and double spaces.

    Quotes and dashes are the typewriter's, compatibility forms are resolved. `origin` gives the
    place of each folded character in the draft.
    """

    def __init__(self) -> None:
        self.text = ""
        """On one line: a line break is a space."""
        self.lined = ""
        """The same, character for character, with the line breaks."""
        self.origin: list[int] = []
        self.length = 0
        """Characters of the draft read so far."""

    def extend(self, piece: str) -> None:
        """Read on."""
        out: list[str] = []
        last = self.lined[-1:] or "\n"
        lined = self.lined
        for at, character in enumerate(piece, start=self.length):
            folded = _fold_character(character)
            if folded == " " and last in {" ", "\n"}:
                continue
            if folded == "\n":
                if last == "\n":
                    continue
                if last == " ":
                    # The line break stands for the space before it, so that nothing shifts.
                    if out:
                        out[-1] = "\n"
                    else:
                        lined = lined[:-1] + "\n"
                    last = "\n"
                    continue
            out.append(folded)
            self.origin.extend([at] * len(folded))
            last = folded[-1:] or last
        self.length += len(piece)
        self.lined = lined + "".join(out)
        self.text = self.lined.replace("\n", " ")


def fold(text: str) -> str:
    """Return a whole text folded onto one line."""
    folded = Folded()
    folded.extend(text)
    return folded.text
