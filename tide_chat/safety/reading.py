"""Normalised text as the trained classifiers read it: emoji in words, Spanish glossed.

On top of `normalise.py`, which undoes disguises of the words the rules know, this undoes the common
ones of any word, since a classifier has no list of its own.
"""

from __future__ import annotations

import re

import emoji

from tide_chat.safety.gloss import Gloss

__all__ = ["readable"]

_INSIDE = re.compile(r"(?<=[a-z])[013457@$!](?=[a-z])|\$(?=[a-z]{2})")
_LETTERS = {
    "0": "o",
    "1": "i",
    "3": "e",
    "4": "a",
    "5": "s",
    "7": "t",
    "@": "a",
    "$": "s",
    "!": "i",
}
_PLAIN = re.compile(r"[\x00-\x7f]*")


def readable(text: str) -> str:
    """Return what a classifier is given for normalised text."""
    if not _PLAIN.fullmatch(text):
        text = emoji.demojize(text, delimiters=(" ", " ")).replace("_", " ")
    text = _INSIDE.sub(lambda sign: _LETTERS[sign.group()], text)
    return Gloss.shipped().english(text)
