"""Keeps a reply short and the companion's own, sentence by sentence.

Small models go on too long, ask three questions in a row, and repeat the person's sentences as if
they were theirs. The shaper lets whole sentences through, drops those, and says when to stop. It
judges form; what a reply may say is the guard's to judge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["Shaper", "echoes"]

_END = re.compile(r"[.?!…]+[\"'”’)\]]*(?=\s|$)|\n+")
_ABBREVIATION = re.compile(
    r"\b(?:[ap]\.m|e\.g|i\.e|mr|mrs|ms|dr|st|vs|sra?|dra?)\.$", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_QUOTED = re.compile(r"[\"“”«»][^\"“”«»]*[\"“”«»]|(?<!\w)['‘][^'’]*['’](?!\w)")
_SELF = frozenset(
    "i i'm im i've ive i'd i'll my me mine myself yo mi mí mis mío mía conmigo estoy".split()
)
_RUN = 3
"""Words in a row, shared with the message, that make a first-person sentence an echo."""

_TAKEN = 4
"""Words in a row, shared with a reply to somebody else, that make a sentence taken over."""

_ENOUGH = 20
"""Words after which a question ends the reply."""

_LONG = 70
"""Words after which the next sentence end ends the reply. VOICE: 35 to 90 words, then stop."""


def _words(text: str) -> list[str]:
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def _runs(text: str, length: int) -> set[tuple[str, ...]]:
    words = _words(text)
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def echoes(sentence: str, message: str) -> bool:
    """Return whether a sentence is the person's own, or says their words in the first person."""
    said = _words(_QUOTED.sub(" ", sentence))
    heard = _words(message)
    if len(said) > _RUN and f" {' '.join(said)} " in f" {' '.join(heard)} ":
        return True
    if not _SELF.intersection(said):
        return False
    runs = _runs(message, _RUN)
    return any(
        tuple(said[i : i + _RUN]) in runs and _SELF.intersection(said[max(0, i - 2) : i + _RUN])
        for i in range(len(said) - _RUN + 1)
    )


class Shaper:
    """Takes a draft piece by piece and gives back the sentences worth keeping."""

    def __init__(self, message: str, foreign: Sequence[str] = ()) -> None:
        """Begin a reply.

        Args:
            message: What is answered.
            foreign: Replies written for other people that were laid before the model; sentences
                taken over from them are dropped, since their details are somebody else's.
        """
        self._message = message
        self._foreign = [_runs(text, _TAKEN) for text in foreign]
        self._held = ""
        self._kept: list[str] = []
        self._asked = False
        self.words = 0
        """Words let through so far."""
        self.done = False
        """Whether the reply is complete; what follows is not wanted."""

    def feed(self, piece: str) -> str:
        """Take the next piece; return the sentences that are complete and kept."""
        self._held += piece
        out = ""
        while not self.done and (end := self._sentence_end()):
            sentence, self._held = self._held[:end], self._held[end:]
            out += self._take(sentence)
        return out

    def finish(self) -> str:
        """Return the last sentence when it is whole, or when nothing else was kept."""
        rest, self._held = self._held, ""
        if self.done or not rest.strip():
            return ""
        whole = rest.rstrip()[-1] in ".?!…\"'”’)"
        return self._take(rest) if whole or not self._kept else ""

    def _sentence_end(self) -> int | None:
        for match in _END.finditer(self._held):
            # A full stop at the very end may still be part of a number or of an ellipsis.
            if match.end() == len(self._held):
                return None
            if not _ABBREVIATION.search(self._held[: match.end()]):
                return match.end()
        return None

    def _take(self, sentence: str) -> str:
        text = " ".join(sentence.split()).replace("!", ".")
        plain = _words(text)
        said = f" {' '.join(_words(' '.join(self._kept)))} "
        if not plain or f" {' '.join(plain)} " in said:
            return ""
        asks = "?" in text
        taken = any(_runs(text, _TAKEN) & runs for runs in self._foreign)
        if (asks and self._asked) or taken or echoes(text, self._message):
            return ""
        separator = " " if self._kept else ""
        self._kept.append(text)
        self._asked = self._asked or asks
        self.words += len(plain)
        self.done = (self._asked and self.words >= _ENOUGH) or self.words >= _LONG
        return separator + text
