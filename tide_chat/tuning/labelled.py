"""The labelled messages and replies the classifiers learn from, as files have them.

`safety/messages/<block>/<theme>.jsonl` and `safety/replies/<block>/<file>.jsonl`, with a
`splits.json` beside the blocks that gives each theme to train, dev or test. All of it was written
by language models directed by this project; docs/data-statement-safety.md says how.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tide_chat.errors import BadInput
from tide_chat.types import Category, Subject

__all__ = ["LabelledMessage", "LabelledReply", "Split", "read_messages", "read_replies"]

Split: TypeAlias = Literal["train", "dev", "test"]
SPLITS = "splits.json"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    theme: str = ""
    """Block and file, set while reading: `home/stalking-ex`."""
    lang: Literal["en", "es"]
    twin: bool = False
    """Whether it is the minimal pair of the row before it."""


class LabelledMessage(_Row):
    """A message, or several turns of one person, with its level by the label rules."""

    turns: tuple[str, ...]
    risk: Literal["none", "low", "moderate", "high", "imminent"]
    categories: tuple[Category, ...] = ()
    subject: Subject = "self"
    phenomenon: str
    """What the danger looks like, or which false alarm the row is: `veiled`, `denial`."""
    style: str = "plain"

    @property
    def level(self) -> int:
        """0 for none up to 4 for imminent."""
        return ("none", "low", "moderate", "high", "imminent").index(self.risk)


class LabelledReply(_Row):
    """A reply, or one sentence of one, with the act it does, `good` for none."""

    act: str
    user: str
    text: str
    bad: str = ""
    """The stretch of the text that does the act; empty in a good one."""


_Kind = TypeVar("_Kind", bound=_Row)


def read_messages(folder: Path, split: Split | None = None) -> list[LabelledMessage]:
    """Return the messages of a split, or all.

    Raises:
        BadInput: a file is missing or a row is wrong; the message names file and line.
    """
    return list(_rows(folder, split, LabelledMessage))


def read_replies(folder: Path, split: Split | None = None) -> list[LabelledReply]:
    """Return the replies of a split, or all; raises as `read_messages`."""
    return list(_rows(folder, split, LabelledReply))


def _rows(folder: Path, split: Split | None, kind: type[_Kind]) -> Iterator[_Kind]:
    try:
        splits: dict[str, list[str]] = json.loads((folder / SPLITS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder.name}/{SPLITS} cannot be read.") from error
    for name in [split] if split else list(splits):
        for theme in splits[name]:
            yield from _theme(folder, theme, kind)


def _theme(folder: Path, theme: str, kind: type[_Kind]) -> Iterator[_Kind]:
    file = folder / f"{theme}.jsonl"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadInput(f"{folder.name}/{theme}.jsonl cannot be read.") from error
    for number, line in enumerate(lines, start=1):
        try:
            yield kind.model_validate({**json.loads(line), "theme": theme})
        except (ValueError, ValidationError) as error:
            raise BadInput(f"{folder.name}/{theme}.jsonl, line {number}, is wrong.") from error
