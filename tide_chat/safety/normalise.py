"""Turns disguised writing into plain writing, and remembers where everything stood.

What comes out is for the rules alone and is never shown: lower case, ASCII where a look-alike
exists, contractions and slang written out, leetspeak, letter spacing and stretched letters undone.
Numbers, doses and times stay as they are: a sign is read as a letter only where the whole token
becomes a word of the lexicon's vocabulary.

The text passes through five stages. Each is a list of edits, so that a span of the result can be
led back, stage by stage, to code points of the original. Every stage is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import product
from json import loads
from typing import NamedTuple

from tide_chat.safety.lexicon import Lexicon

__all__ = ["Normalised", "Normaliser", "Span", "normalise"]

_NOT_PLAIN = re.compile(r"[^\x09\x0a\x0d\x20-\x7e]")
_SPACED = re.compile(
    r"(?<![a-z0-9])(?:[a-z0-9@$!](?:[ .\-_*|~,/\\']{1,3})){2,}[a-z0-9@$!](?![a-z0-9])"
)
_WIDE = re.compile(r"[ .\-_*|~,/\\']*(?:  |[./,|] )[ .\-_*|~,/\\']*")
_SEPARATORS = re.compile(r"[ .\-_*|~,/\\']+")
_TIDY = re.compile(
    r"\s*\n\s*\n\s*|\.{2,}|\s+|(?<=[a-z])[-_/](?=[a-z])|(?<![a-z])[*~_]+|[*~_]+(?![a-z])"
)
_TOKEN = re.compile(r"[a-z0-9@$!|+*#'-]+")
_STRETCHED = re.compile(r"([a-z])\1\1+")
_LONGEST_WORD = 14
_MAX_SIGNS = 6
_APOSTROPHE_S = frozenset({"he", "she", "it", "that", "there", "what", "who", "where", "how"})
_ENDINGS = {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"}
_IRREGULAR = {"can't": "can not", "won't": "will not", "shan't": "shall not", "ain't": "is not"}


class Span(NamedTuple):
    """Code points from `start` up to, not including, `end`."""

    start: int
    end: int


class _Edit(NamedTuple):
    """Replace `text[start:end]` by `new`."""

    start: int
    end: int
    new: str


class _Stage:
    """One list of edits, able to lead a span of its result back to its input."""

    __slots__ = ("_old", "_starts", "_width")

    def __init__(self, edits: Iterable[_Edit]) -> None:
        self._starts: list[int] = []
        self._width: list[int] = []
        self._old: list[tuple[int, int]] = []
        shift = 0
        for start, end, new in edits:
            self._starts.append(start + shift)
            self._width.append(len(new))
            self._old.append((start, end))
            shift += len(new) - (end - start)

    def back(self, start: int, end: int) -> Span:
        return Span(self._at(start)[0], self._at(end - 1)[1])

    def _at(self, position: int) -> tuple[int, int]:
        """Return the input span that one character of the result came from."""
        index = bisect_right(self._starts, position) - 1
        while index >= 0 and self._width[index] == 0:
            if index == 0 or self._starts[index - 1] + self._width[index - 1] <= position:
                break
            index -= 1
        if index < 0:
            return position, position + 1
        past = position - self._starts[index] - self._width[index]
        if past < 0:
            return self._old[index]
        old = self._old[index][1] + past
        return old, old + 1


@dataclass(frozen=True, slots=True)
class Normalised:
    """Plain writing and the way back to the original."""

    text: str
    length: int
    """Code points of the original."""
    stages: tuple[_Stage, ...] = ()

    def original(self, start: int, end: int) -> Span:
        """Return the code points of the original that a span of `text` came from."""
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"no span {start}:{end} in a text of {len(self.text)}")
        span = Span(start, end)
        for stage in reversed(self.stages):
            span = stage.back(*span)
        return span


def _apply(text: str, edits: list[_Edit]) -> str:
    pieces: list[str] = []
    last = 0
    for start, end, new in edits:
        pieces += (text[last:start], new)
        last = end
    pieces.append(text[last:])
    return "".join(pieces)


@lru_cache(maxsize=1)
def _confusables() -> dict[str, str]:
    """Non-ASCII characters to the ASCII letters they look like, from confusable-homoglyphs."""
    raw = files("confusable_homoglyphs").joinpath("confusables.json").read_text(encoding="utf-8")
    table: dict[str, str] = {}
    for char, likes in loads(raw).items():
        if len(char) == 1 and ord(char) > 127:
            plain = [like["c"] for like in likes if like["c"].isascii() and like["c"].isalnum()]
            if plain:
                table[char] = min(plain, key=lambda like: (not like.isalpha(), len(like))).lower()
    return table


class Normaliser:
    """Applies one lexicon. Keeps nothing of what it reads."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._characters = lexicon.characters | {
            char: f" {word} " for char, word in lexicon.emoji.items()
        }
        self._leet = lexicon.leet
        self._words = lexicon.words
        self._vocabulary = frozenset(lexicon.lists.vocabulary.split())
        phrases = sorted(lexicon.phrases, key=len, reverse=True)
        self._phrases = lexicon.phrases
        self._phrase = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, phrases))})(?!\w)")
        self._by_shape: dict[tuple[int, str, str], list[str]] = {}
        for word in self._vocabulary:
            if len(word) >= 3:
                self._by_shape.setdefault((len(word), word[0], word[-1]), []).append(word)

    def __call__(self, text: str) -> Normalised:
        """Return the plain writing of any text; never raises."""
        stages: list[_Stage] = []
        plain = text

        def step(edits: Iterator[_Edit]) -> None:
            nonlocal plain
            made = list(edits)
            if made:
                stages.append(_Stage(made))
                plain = _apply(plain, made)

        step(self._fold(plain))
        # Only ASCII letters change here, so no offset moves.
        plain = plain.lower() if plain.isascii() else _lower(plain)
        step(self._unspace(plain))
        step(_tidy(plain))
        step(self._spell(plain))
        step(self._rephrase(plain))
        return Normalised(plain, len(text), tuple(stages))

    def _fold(self, text: str) -> Iterator[_Edit]:
        seen: dict[str, str] = {}
        for match in _NOT_PLAIN.finditer(text):
            char = match[0]
            new = seen.get(char)
            if new is None:
                new = seen[char] = self._fold_character(char)
            if new != char:
                yield _Edit(match.start(), match.end(), new)

    def _fold_character(self, char: str) -> str:
        """Return what one character beyond plain ASCII stands for."""
        if char in self._characters:
            return self._characters[char]
        kind = unicodedata.category(char)
        if kind in {"Cf", "Cc", "Cs", "Mn", "Me"}:
            return ""
        if kind.startswith("Z"):
            return "\n" if kind in {"Zl", "Zp"} else " "
        wide = unicodedata.normalize("NFKD", char).casefold()
        bare = "".join(part for part in wide if unicodedata.category(part) not in {"Mn", "Me"})
        if bare.isascii():
            return bare
        table = _confusables()
        return "".join(
            self._characters.get(part) or table.get(part) or part
            for part in (bare if bare else char)
        )

    def _unspace(self, text: str) -> Iterator[_Edit]:
        """Join letters written apart, where they make words of the vocabulary."""
        for match in _SPACED.finditer(text):
            groups = _WIDE.split(match[0]) if "  " in match[0] else [match[0]]
            words = [self._segment(_SEPARATORS.sub("", group)) for group in groups]
            flat = [word for group in words for word in group]
            if any(len(word) >= 3 for word in flat):
                yield _Edit(match.start(), match.end(), " ".join(flat))

    def _segment(self, letters: str) -> list[str]:
        """Cut joined letters into words of the vocabulary, leaving as few over as can be."""
        plain = "".join(self._leet.get(sign, sign)[0] for sign in letters)
        best: list[tuple[int, int]] = [(0, 0)]
        for end in range(1, len(plain) + 1):
            choice = (best[end - 1][0] + 3, end - 1)
            for start in range(max(0, end - _LONGEST_WORD), end):
                if plain[start:end] in self._vocabulary:
                    choice = min(choice, (best[start][0] + 1, start))
            best.append(choice)
        words: list[str] = []
        end = len(plain)
        while end:
            start = best[end][1]
            words.append(plain[start:end] if end - start > 1 else letters[start:end])
            end = start
        return words[::-1]

    def _spell(self, text: str) -> Iterator[_Edit]:
        for match in _TOKEN.finditer(text):
            token = match[0]
            new = self._words.get(token)
            if new is None and not token.isdigit():
                new = self._respell(token)
            if new is not None and new != token:
                yield _Edit(match.start(), match.end(), new)

    def _respell(self, token: str) -> str | None:
        """Return the plain writing of a token that is not in the table, or None."""
        core = token.strip("'!*#+|-")
        if core != token and core:
            # Signs before the first letter can be part of a word ("$uicide"), `!` after it cannot.
            tail = token.rstrip("'!*#+|-")
            inner = self._words.get(core) or self._respell(core)
            if inner is None:
                inner = self._decode(tail)
                head = ""
            else:
                head = token[: token.index(core)]
            if inner is None:
                return None
            return head + inner + token[len(tail) :]
        if "'" in token:
            return self._contraction(token)
        if token.isalpha():
            return self._unstretch(token) if _STRETCHED.search(token) else None
        return self._decode(token)

    def _contraction(self, token: str) -> str | None:
        if token in _IRREGULAR:
            return _IRREGULAR[token]
        head, _, tail = token.rpartition("'")
        head = self._words.get(head, head) if head not in {"i", "we"} else head
        if tail == "t" and head.endswith("n"):
            return f"{head[:-1]} not"
        if tail in _ENDINGS:
            return f"{head} {_ENDINGS[tail]}"
        if tail == "s" and head in _APOSTROPHE_S:
            return f"{head} is"
        return None

    def _unstretch(self, token: str) -> str:
        """Shorten letters written three times or more to two or one, whichever is a word."""
        if len(_STRETCHED.findall(token)) <= 4:
            for widths in product((1, 2), repeat=len(_STRETCHED.findall(token))):
                width = iter(widths)
                word = _STRETCHED.sub(lambda run: run[1] * next(width), token)  # noqa: B023
                if word in self._vocabulary or word in self._words:
                    return self._words.get(word, word)
        return _STRETCHED.sub(r"\1", token)

    def _decode(self, token: str) -> str | None:
        """Read signs as letters where the whole token becomes a word of the vocabulary."""
        if len(token) < 3 or len(token) > _LONGEST_WORD * 3 or not re.search("[a-z]", token):
            return None
        if "*" in token or "#" in token:
            return self._uncensor(token)
        if sum(not sign.isalpha() for sign in token) > _MAX_SIGNS:
            return None
        for letters in product(*(self._leet.get(sign, sign) for sign in token)):
            word = "".join(letters)
            if word in self._vocabulary or word in self._words:
                return self._words.get(word, word)
            if _STRETCHED.search(word) and (short := self._unstretch(word)) in self._vocabulary:
                return short
        return None

    def _uncensor(self, token: str) -> str | None:
        """Read asterisks as letters: the ends and every letter shown must fit one word."""
        for word in self._by_shape.get((len(token), token[0], token[-1]), ()):
            if all(sign in {letter, "*", "#"} for sign, letter in zip(token, word, strict=True)):
                return word
        return None

    def _rephrase(self, text: str) -> Iterator[_Edit]:
        for match in self._phrase.finditer(text):
            new = self._phrases[match[0]]
            if new != match[0]:
                yield _Edit(match.start(), match.end(), new)


def _lower(text: str) -> str:
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def _tidy(text: str) -> Iterator[_Edit]:
    """Fold white space, make blank lines full stops, open hyphens, drop ornaments."""
    for match in _TIDY.finditer(text):
        run = match[0]
        if run.isspace():
            new = ". " if run.count("\n") > 1 else " "
        elif run.startswith(".") or run in {"-", "_", "/"}:
            new = " "
        else:
            new = ""
        if new != run:
            yield _Edit(match.start(), match.end(), new)


@lru_cache(maxsize=1)
def _shipped() -> Callable[[str], Normalised]:
    return Normaliser(Lexicon.shipped())


def normalise(text: str) -> Normalised:
    """Return the plain writing of any text by the shipped lexicon; never raises."""
    return _shipped()(text)
