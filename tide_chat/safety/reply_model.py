"""The trained half of the guard: reads each sentence of a reply after the message it answers.

It finds acts of open meaning that no list of wordings holds: a method told in passing, a kind
sentence that agrees with death, blame in polite words. It only adds findings to those of the rules.
docs/model-card-guard.md says how it was made and where it fails.
"""

from __future__ import annotations

from typing import NamedTuple, get_args

from tide_chat.safety.normalise import normalise
from tide_chat.safety.reading import readable
from tide_chat.safety.risk_model import Reader
from tide_chat.types import GuardAct

__all__ = ["Opinion", "ReplyModel", "reply_text"]

_USER, _BEFORE = 240, 200
"""Characters of the person's message, and of the reply before the sentence, that are read."""

_SEPARATOR = " [SEP] "


def reply_text(user: str, before: str, sentence: str) -> str:
    """Return what is read: the message's end, what the reply said last, and the sentence."""
    pieces = (user[-_USER:], before[-_BEFORE:], sentence)
    return _SEPARATOR.join(readable(normalise(piece).text).strip() for piece in pieces)


class Opinion(NamedTuple):
    """What the classifier makes of a sentence."""

    act: GuardAct
    """The likeliest bad act."""
    stops: bool
    """Whether it is sure enough to stop the reply alone."""
    doubts: bool
    """Whether it is unsure enough for a weak rule to count."""


class ReplyModel:
    """Judges sentences of replies. Immutable."""

    def __init__(self, reader: Reader) -> None:
        """Take a reader whose card names columns and threshold (see `safety/classifier`)."""
        self._reader = reader
        columns = list(reader.card["columns"])
        self._bad = columns.index("bad")
        self._acts: dict[GuardAct, int] = {
            act: columns.index(act) for act in get_args(GuardAct) if act in columns
        }
        self._stops = float(reader.card["thresholds"]["bad"])
        self._doubts = float(reader.card["thresholds"]["doubt"])

    @property
    def name(self) -> str:
        """Identity of the weights."""
        return self._reader.name

    def judge(self, user: str, before: str, sentence: str) -> Opinion:
        """Return what the classifier makes of a sentence.

        Raises:
            EncoderError: the reader failed.
        """
        row = self._reader.read([reply_text(user, before, sentence)])[0]
        score = float(row[self._bad])
        act = max(self._acts, key=lambda act: float(row[self._acts[act]]))
        return Opinion(act, score > self._stops, score > self._doubts)
