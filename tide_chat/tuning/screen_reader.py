"""Trains and measures the classifier of the screen on the labelled messages.

The split is by theme: no theme of dev or test is in train. Thresholds and calibration come from
dev, never from test.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tide_chat.encoder.reader import OnnxReader
from tide_chat.safety.normalise import normalise
from tide_chat.safety.reading import readable
from tide_chat.safety.risk_model import SEPARATOR, Part, passages
from tide_chat.tuning.card import write_card
from tide_chat.tuning.labelled import LabelledMessage, read_messages
from tide_chat.tuning.network import Network, Recipe, export, fit
from tide_chat.types import Category

__all__ = ["COLUMNS", "make", "read_text", "targets", "thresholds", "train"]

_LEVELS = (1, 2, 3, 4)
COLUMNS: tuple[str, ...] = (
    *(f"risk>={level}" for level in _LEVELS),
    *get_args(Category),
    "other",
    "explained",
)
"""What the graph gives: that the level is at least so high, the categories, that somebody else is
in danger, and that the newest turn explains an alarm away."""

_WEIGHTS = [0.5, 1.0, 1.0, 1.0, *[0.3] * len(get_args(Category)), 0.3, 0.3]
_CHATTER, _TYPOS = 0.15, 0.15
"""Shares of an epoch's texts that get an ordinary sentence before or after, or slips of typing."""
_LETTERS_A_SLIP = 25


def read_text(message: LabelledMessage) -> str:
    """Return a message as the classifier reads it: normalised, glossed, turns joined."""
    return SEPARATOR.join(readable(normalise(turn).text) for turn in message.turns)


def targets(messages: Sequence[LabelledMessage]) -> NDArray[np.float32]:
    """Return what the classifier should say, shape (messages, columns)."""
    rows = np.zeros((len(messages), len(COLUMNS)), dtype=np.float32)
    place = {name: index for index, name in enumerate(COLUMNS)}
    for row, message in zip(rows, messages, strict=True):
        for level in _LEVELS:
            row[place[f"risk>={level}"]] = message.level >= level
        for category in message.categories:
            row[place[category]] = 1
        row[place["other"]] = message.subject == "other"
        row[place["explained"]] = message.phenomenon == "explanation"
    return rows


def train(
    encoder: Path,
    messages: Sequence[LabelledMessage],
    recipe: Recipe,
    say: Callable[[str], None] = print,
) -> Network:
    """Train on messages; every epoch sees other typing slips and other chatter around them."""
    texts = [read_text(message) for message in messages]
    chatter = [
        text
        for text, message in zip(texts, messages, strict=True)
        if message.phenomenon in {"ordinary", "good_news"} and len(message.turns) == 1
    ]

    def varied(rng: random.Random) -> list[str]:
        return [_varied(text, chatter, rng) for text in texts]

    return fit(encoder, varied, targets(messages), _WEIGHTS, recipe, say)


def _varied(text: str, chatter: Sequence[str], rng: random.Random) -> str:
    if chatter and rng.random() < _CHATTER:
        other = rng.choice(chatter)
        if SEPARATOR in text:
            text = other + SEPARATOR + text
        else:
            text = f"{other} {text}" if rng.random() < 0.6 else f"{text} {other}"
    if rng.random() < _TYPOS:
        text = SEPARATOR.join(_slips(turn, rng) for turn in text.split(SEPARATOR))
    return text


def _slips(text: str, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(max(1, len(letters) // _LETTERS_A_SLIP)):
        if not letters:
            return "x"
        at, kind = rng.randrange(len(letters)), rng.random()
        if letters[at] == " " and kind < 0.7:
            continue
        if kind < 0.4:
            del letters[at]
        elif kind < 0.7 and at + 1 < len(letters):
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        else:
            letters.insert(at, letters[at])
    return "".join(letters)


# --- thresholds and the card ----------------------------------------------------------------------


_BUDGETS = {"low": (1, 0.25), "moderate": (2, 0.06), "high": (3, 0.06), "imminent": (4, 0.05)}
"""For each level, the share of the dev messages below it that may pass as it. The 0.06 for moderate
is the project's aim for false alarms (SAFETY.md section 8)."""

_WINDOW_BUDGET = 0.01


def thresholds(
    probabilities: NDArray[np.float32],
    messages: Sequence[LabelledMessage],
    budget: float | None = None,
) -> dict[str, float]:
    """Choose the thresholds on messages that were not trained on.

    The threshold of a level is the one at which the share of messages below that level that pass it
    is the level's budget.

    Args:
        probabilities: Of shape (messages, columns).
        messages: The dev messages.
        budget: One share for all levels, in place of each level's own.
    """
    levels = np.array([message.level for message in messages])
    chosen: dict[str, float] = {"explained": 0.5}
    for name, (level, own) in _BUDGETS.items():
        below = np.sort(probabilities[levels < level, COLUMNS.index(f"risk>={level}")])[::-1]
        share = own if budget is None else budget
        chosen[name] = round(float(below[int(len(below) * share)]), 4)
    return chosen


def window_probabilities(
    reader: OnnxReader, messages: Sequence[LabelledMessage]
) -> NDArray[np.float32]:
    """Return each column's highest probability of any window of a message, 0 where it has none."""
    result = np.zeros((len(messages), len(COLUMNS)), dtype=np.float32)
    for row, message in zip(result, messages, strict=True):
        parts = [Part(n, 0, normalise(turn)) for n, turn in enumerate(message.turns)]
        texts = [readable(each.text) for each in passages(parts) if not each.whole]
        if texts:
            row[:] = reader.read(texts).max(axis=0)
    return result


def make(
    encoder: Path,
    folder: Path,
    out: Path,
    recipe: Recipe,
    say: Callable[[str], None] = print,
) -> None:
    """Train on the train themes, choose thresholds on the dev themes, write graph and card."""
    messages = read_messages(folder, "train")
    held_out = read_messages(folder, "dev")
    say(f"{len(messages)} messages to train on, {len(held_out)} to set thresholds on")
    network = train(encoder, messages, recipe, say)
    out.mkdir(parents=True, exist_ok=True)
    graph = out / "screen.onnx"
    sha256 = export(network, graph)
    shutil.copyfile(encoder / "tokenizer.json", out / "tokenizer.json")
    card = {
        "sha256": sha256,
        "max_tokens": _READ_TOKENS,
        "columns": list(COLUMNS),
        "trained_on": len(messages),
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "encoder": encoder.name,
        "thresholds": {},
        "windows": {},
    }
    write_card(out / "screen.toml", card)
    reader = OnnxReader(out, "screen")
    found = reader.read([read_text(message) for message in held_out])
    card["thresholds"] = thresholds(found, held_out)
    windows = window_probabilities(reader, held_out)
    card["windows"] = thresholds(windows, held_out, _WINDOW_BUDGET)
    write_card(out / "screen.toml", card)
    say(f"thresholds {card['thresholds']}, of windows {card['windows']}")


_READ_TOKENS = 192
