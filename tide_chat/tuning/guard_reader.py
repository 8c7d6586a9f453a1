"""Trains the classifier of the guard on the labelled replies, sentence by sentence.

A sentence of a bad reply is bad if it overlaps the marked stretch by half; the others are good, and
those that overlap by less are left out. The split is by file, each with its own kind of people.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tide_chat.encoder.reader import OnnxReader
from tide_chat.safety.clauses import Clauses
from tide_chat.safety.reply_model import reply_text
from tide_chat.tuning.card import write_card
from tide_chat.tuning.labelled import LabelledReply, read_replies
from tide_chat.tuning.network import Network, Recipe, export, fit
from tide_chat.types import GuardAct

__all__ = ["COLUMNS", "Example", "examples", "make", "sentences"]

_RENAMED = {"overlong_list": "overlong"}
_ACTS: tuple[str, ...] = tuple(act for act in get_args(GuardAct) if act != "link")
COLUMNS: tuple[str, ...] = ("bad", *_ACTS)
_WEIGHTS = [1.0, *[0.3] * len(_ACTS)]
_READ_TOKENS = 128
_GOOD_BLOCKED = 0.02
"""Share of good dev replies the classifier alone may block; the rules take their own share of the
four in a hundred that the project allows."""

_GOOD_DOUBTED = 0.15
"""Share of good dev replies the classifier may doubt, so that a weak rule counts in them."""


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence as the classifier reads it."""

    reply: int
    """Which of the replies it belongs to."""
    text: str
    act: str | None


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence lies, cut as the guard cuts them."""
    clauses = Clauses()
    start = end = 0
    for clause in [*clauses.feed(text), clauses.finish()]:
        end += len(clause.text)
        if clause.ends_sentence or clause.last:
            if text[start:end].strip():
                yield start, start + len(text[start:end].rstrip())
            start = end


def examples(replies: Sequence[LabelledReply]) -> list[Example]:
    """Return the sentences of replies with the act each does."""
    found = []
    for number, reply in enumerate(replies):
        bad_start = reply.text.find(reply.bad) if reply.bad else -1
        bad_end = bad_start + len(reply.bad)
        for start, end in sentences(reply.text):
            overlap = min(end, bad_end) - max(start, bad_start) if reply.bad else 0
            enough = overlap > 0.5 * min(end - start, len(reply.bad) or 1)
            if overlap > 0 and not enough:
                continue
            act = _RENAMED.get(reply.act, reply.act) if enough else None
            text = reply_text(reply.user, reply.text[:start], reply.text[start:end])
            found.append(Example(number, text, act))
    return found


def targets(chosen: Sequence[Example]) -> NDArray[np.float32]:
    """Return what the classifier should say, shape (sentences, columns)."""
    rows = np.zeros((len(chosen), len(COLUMNS)), dtype=np.float32)
    for row, example in zip(rows, chosen, strict=True):
        if example.act is not None:
            row[0] = 1
            row[COLUMNS.index(example.act)] = 1
    return rows


def train(
    encoder: Path,
    chosen: Sequence[Example],
    recipe: Recipe,
    say: Callable[[str], None] = print,
) -> Network:
    """Train on sentences."""
    texts = [example.text for example in chosen]

    def same(_: random.Random) -> list[str]:
        return texts

    return fit(encoder, same, targets(chosen), _WEIGHTS, recipe, say)


def make(
    encoder: Path,
    folder: Path,
    out: Path,
    recipe: Recipe,
    say: Callable[[str], None] = print,
) -> None:
    """Train on the train files, choose the threshold on the dev files, write graph and card."""
    learned = examples(read_replies(folder, "train"))
    held_out = read_replies(folder, "dev")
    say(f"{len(learned)} sentences to train on, {len(held_out)} replies to set the threshold on")
    network = train(encoder, learned, recipe, say)
    out.mkdir(parents=True, exist_ok=True)
    card = {
        "sha256": export(network, out / "guard.onnx"),
        "max_tokens": _READ_TOKENS,
        "columns": list(COLUMNS),
        "trained_on": len(learned),
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "encoder": encoder.name,
        "thresholds": {},
    }
    write_card(out / "guard.toml", card)
    card["thresholds"] = _thresholds(OnnxReader(out, "guard"), held_out)
    write_card(out / "guard.toml", card)
    say(f"threshold {card['thresholds']}")


def _thresholds(reader: OnnxReader, replies: Sequence[LabelledReply]) -> dict[str, float]:
    chosen = examples(replies)
    scores = reader.read([example.text for example in chosen])[:, 0]
    worst = np.zeros(len(replies))
    for example, score in zip(chosen, scores, strict=True):
        worst[example.reply] = max(worst[example.reply], score)
    good = np.sort(worst[[reply.act == "good" for reply in replies]])[::-1]
    return {
        "bad": round(float(good[int(len(good) * _GOOD_BLOCKED)]), 4),
        "doubt": round(float(good[int(len(good) * _GOOD_DOUBTED)]), 4),
    }
