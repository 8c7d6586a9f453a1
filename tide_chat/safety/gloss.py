"""A word-by-word English gloss of Spanish, for the classifier's eyes only.

The encoder the classifier grew from learned English alone. A gloss that keeps person, tense and
negation ("me las tomé" - "me them i took") lets it use what it learned about English. The list is
`safety/gloss_es.tsv`, written for this project; a word that is not in it stays as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tide_chat.errors import MissingPrerequisite, PolicyError
from tide_chat.shipped import shipped

__all__ = ["Gloss"]

_WORD = re.compile(r"[a-z]+")
_SPANISH = frozenset(
    "que no me la el en un una por con los las mi se lo ya para es como pero si al del todo mas "
    "estoy esta yo te le su cuando porque nada muy soy tengo quiero hoy noche voy he hay ha".split()
)
_ENGLISH = frozenset(
    "the and to of i my is it that was for you he she they with not do have but are this just so "
    "what am on at be all his her we if when an".split()
)
"""Words that tell the two languages apart."""
_BOTH = frozenset({"no", "me", "he", "son", "once"})


class Gloss:
    """Spanish forms to English words. Immutable."""

    def __init__(self, words: dict[str, str]) -> None:
        self._words = words

    @classmethod
    def shipped(cls) -> Gloss:
        """Return the shipped list, read once.

        Raises:
            PolicyError: the list is missing or broken.
        """
        return _shipped()

    def english(self, text: str) -> str:
        """Return normalised text with Spanish words glossed; a text in English comes back as is."""
        if not is_spanish(text):
            return text
        words = self._words
        return _WORD.sub(lambda match: words.get(match.group(), match.group()), text)


def is_spanish(text: str) -> bool:
    """Return whether normalised text holds more Spanish than English function words."""
    found = [word for word in _WORD.findall(text) if word not in _BOTH]
    spanish = sum(word in _SPANISH for word in found)
    return spanish > sum(word in _ENGLISH for word in found)


@lru_cache(maxsize=1)
def _shipped() -> Gloss:
    try:
        text = (shipped("safety") / "gloss_es.tsv").read_text(encoding="utf-8")
        pairs = (line.split("\t") for line in text.splitlines() if line and line[0] != "#")
        return Gloss({form: words for form, words in pairs})
    except (MissingPrerequisite, OSError, ValueError) as error:
        raise PolicyError("The gloss of Spanish is missing or broken.") from error
