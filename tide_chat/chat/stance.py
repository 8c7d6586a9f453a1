"""How a message is heard: the feeling in it, why that makes sense, what may be asked.

A model of half a billion parameters writes fluent sentences and hears badly. The hearing is
therefore done by the sentence encoder over a reviewed bank of stances (`personas/stances.toml`),
and the model is given the result as notes to put into its own words. This is the inspectable,
prompt-level form of the turn state that CEM and EmpSOA learn (see docs/architecture.md).
Nothing is inferred about the person, only about the one message.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tide_chat.encoder.protocol import Encoder
from tide_chat.errors import PolicyError
from tide_chat.shipped import shipped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Language", "Stance", "Stances", "Wording", "language_of"]

Language = Literal["en", "es"]

_NEAR: dict[Language, float] = {"en": 0.48, "es": 0.75}
"""Below this cosine no stance is taken. Set by reading what messages of the reference set came near
to (docs/architecture.md); not fitted on labels. The encoder was trained on English: Spanish texts
lie close together whatever they say, so more nearness is asked of them."""

_STATEMENT = 4
"""Words from which a message without a question mark is taken to tell something."""

_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
_LONGEST = 12
"""Sentences of a long message that are looked at one by one: the first and last six."""


class Wording(BaseModel):
    """A stance in one language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feeling: str
    why: str
    ask: str


class Stance(BaseModel):
    """One way a message may be heard."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    cues: tuple[str, ...] = Field(min_length=2)
    feeling: str
    why: str
    ask: str
    es: Wording
    near: float = 0.0
    """A higher cosine this stance asks for: hearing a good day where there was none hurts more."""
    plain: bool = False
    """Small talk and questions of fact: answered plainly, without notes."""

    def wording(self, language: Language) -> Wording:
        """Return the stance in a language."""
        if language == "es":
            return self.es
        return Wording(feeling=self.feeling, why=self.why, ask=self.ask)


class _Bank(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    stance: tuple[Stance, ...]
    unheard: tuple[Stance, ...] = Field(min_length=1)
    """For a statement that comes near no stance; their cues are never looked for."""


class Stances:
    """The bank of stances with the vectors of their cues."""

    def __init__(
        self,
        stances: tuple[Stance, ...],
        unheard: tuple[Stance, ...],
        version: str,
        encoder: Encoder,
    ) -> None:
        self.version = version
        self._unheard = unheard
        self._encoder = encoder
        self._owner = [stance for stance in stances for _ in stance.cues]
        cues = [cue for stance in stances for cue in stance.cues]
        self._vectors: NDArray[np.float32] = encoder.encode(cues)

    @classmethod
    def shipped(cls, encoder: Encoder) -> Stances:
        """Read the shipped bank and encode its cues.

        Raises:
            PolicyError: the file is broken.
            EncoderError: the encoder failed.
        """
        try:
            text = (shipped("personas") / "stances.toml").read_text(encoding="utf-8")
            bank = _Bank.model_validate(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError, OSError) as error:
            raise PolicyError("The file personas/stances.toml is broken.") from error
        return cls(bank.stance, bank.unheard, bank.version, encoder)

    def nearest(self, text: str) -> Stance | None:
        """Return how a message is heard.

        The stance whose cue comes nearest to the message or one of its sentences; failing that,
        one of the neutral ones for a statement and none for a question.
        """
        if (found := self._nearest(text)) is not None:
            return found
        if "?" in text or len(text.split()) < _STATEMENT:
            return None
        return self._unheard[len(text) % len(self._unheard)]

    def _nearest(self, text: str) -> Stance | None:
        sentences = [part for part in _SENTENCE.split(text.strip()) if len(part.split()) > 3]
        if len(sentences) > _LONGEST:
            sentences = sentences[: _LONGEST // 2] + sentences[-_LONGEST // 2 :]
        cosines = (self._encoder.encode([text, *sentences]) @ self._vectors.T).max(axis=0)
        floor = _NEAR[language_of(text)]
        for place in cosines.argsort()[::-1]:
            stance, cosine = self._owner[int(place)], float(cosines[place])
            if cosine < floor:
                return None
            if cosine >= stance.near:
                return stance
        return None


_SPANISH = frozenset(
    "el la los las un una que de y en no me se por con para mi tu su es está estoy lo al del pero "
    "como cuando porque muy ya más desde todo nada he ha fue era hoy ayer yo qué soy hay".split()
)
_ENGLISH = frozenset(
    "the a an and to of in i it is was my me you that on for with not have had be at so this but "
    "they he she we are do don't can't im i'm what when just all".split()
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def language_of(text: str, default: Language = "en") -> Language:
    """Return which of the two languages a message is in, by its commonest words."""
    words = [word.replace("’", "'") for word in _WORD.findall(text.lower()[:4000])]
    spanish = sum(word in _SPANISH for word in words) + text.count("¿") * 2
    english = sum(word in _ENGLISH for word in words)
    if spanish == english:
        return default
    return "es" if spanish > english else "en"
