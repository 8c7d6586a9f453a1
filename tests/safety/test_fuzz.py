"""Twenty thousand random and hostile inputs: no exception, and always a usable answer."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tide_chat.safety.guard import Guard
from tide_chat.safety.screen import Screen
from tide_chat.types import Risk

COUNT = 20_000
PIECES = [
    "kill myself", "me quiero morir", "tonight", "pills", "no", "not", "'", '"', "``", " || ", "||",
    "\x00", "\x1b[31m", "\u200b", "\u200d", "\ufeff", "\u202e", "\ud800", "\udfff", "\U0001f52a",
    "e\u0301" * 30, "\u0336".join("die"), "k i l l", "k.1.l.l", "[SEP]", "[CLS]", "<|im_start|>",
    "{means}", "%s", "\\", "\r\n", "\n\n", "\t", "a" * 400, "ha" * 90, "9" * 60, "$" * 40, "@" * 40,
    "\u0130", "\ufdfa", "\u1e9e", "ﬀ", "𝕜𝕚𝕝𝕝", "кіll", "ｋｉｌｌ", "¿", "ñ", "…", "—", "0", "",
]  # fmt: skip


def inputs(count: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(count):
        made = []
        for _ in range(rng.randrange(1, 9)):
            if rng.random() < 0.6:
                made.append(rng.choice(PIECES))
            else:
                top = rng.choice((0x7F, 0x2FF, 0xFFFF, 0x10FFFF))
                made.append("".join(chr(rng.randrange(top)) for _ in range(rng.randrange(12))))
        yield rng.choice(("", " ")).join(made)


@pytest.mark.slow
def test_the_screen_answers_everything() -> None:
    screen = Screen.shipped()
    for text in inputs(COUNT, 1):
        found = screen.screen(text)
        assert Risk.NONE <= found.risk <= Risk.IMMINENT and 0.0 <= found.score < 1.0
        turns = text.split(" || ")
        for finding in found.findings:
            assert 0 <= finding.start < finding.end <= len(turns[finding.turn])


@pytest.mark.slow
def test_the_guard_answers_everything() -> None:
    guard = Guard.shipped()
    texts = list(inputs(COUNT // 4, 2))
    for text, user in zip(texts, reversed(texts), strict=True):
        verdict = guard.check(text, user)
        assert verdict.allowed is not bool(verdict.findings)
        for finding in verdict.findings:
            assert 0 <= finding.start < finding.end <= len(text)
