"""Automatic scores of a reply against its reference, each with its source and its caveat.

A reply that cannot be scored is unscored: counted, named, and never a zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tide_chat.encoder.protocol import Encoder

__all__ = ["METRICS", "Metric", "Pair", "cosines", "rouge_l", "word_counts"]

Scores = list[float | None]


@dataclass(frozen=True, slots=True)
class Pair:
    """A reply and the reference it is compared to."""

    reply: str
    reference: str


@dataclass(frozen=True, slots=True)
class Metric:
    """What a score is."""

    name: str
    source: str
    caveat: str


METRICS = {
    "rouge_l": Metric(
        "rouge_l",
        "ROUGE-L F1 (Lin 2004), rouge-score package, no stemming",
        "Shared wording, not empathy; rises as reply length nears the reference's.",
    ),
    "cosine": Metric(
        "cosine",
        "Cosine of all-MiniLM-L6-v2 sentence vectors (Reimers and Gurevych 2019), 256 tokens",
        "Nearness to one reference writer; weakly related to perceived empathy (TIDE).",
    ),
    "words": Metric(
        "words",
        "Words of the reply, split at white space",
        "Length alone explains much of what naive empathy scores measure; read it first.",
    ),
}

_WORD = re.compile(r"\S+")
_ROUGE_LETTER = re.compile(r"[A-Za-z0-9]")


def word_counts(pairs: Sequence[Pair]) -> Scores:
    """Return the number of words of each reply; an empty reply has 0."""
    return [float(len(_WORD.findall(pair.reply))) for pair in pairs]


def rouge_l(pairs: Sequence[Pair]) -> Scores:
    """Return ROUGE-L F1 of each pair, 0 to 1.

    The package knows the letters a to z and digits alone. A reply or reference without any of
    them, empty or in another script, is unscored: its zero would say nothing of the reply.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    return [
        float(scorer.score(pair.reference, pair.reply)["rougeL"].fmeasure)
        if _ROUGE_LETTER.search(pair.reply) and _ROUGE_LETTER.search(pair.reference)
        else None
        for pair in pairs
    ]


def cosines(pairs: Sequence[Pair], encoder: Encoder) -> Scores:
    """Return the cosine of each pair, -1 to 1; an empty reply or reference is unscored."""
    replies = encoder.encode([pair.reply for pair in pairs])
    references = encoder.encode([pair.reference for pair in pairs])
    products = (replies * references).sum(axis=1)
    return [
        float(product) if pair.reply.strip() and pair.reference.strip() else None
        for pair, product in zip(pairs, products, strict=True)
    ]


Scorer = Callable[[Sequence[Pair]], Scores]
