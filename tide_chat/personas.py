"""Reads two-turn dialogues in TIDE's file shape: shipped, downloaded, or a user's own.

Accepts every spelling of keys and paths that programs reading TIDE are known to use. A file that
cannot be read is reported and passed over; the others count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from tide_chat.errors import BadInput
from tide_chat.shipped import shipped

__all__ = [
    "Dialogue",
    "Problem",
    "Reading",
    "Split",
    "Splits",
    "read_dialogues",
    "shipped_dialogues",
    "splits",
]

Split: TypeAlias = Literal["train", "dev", "test"]

_CLIENT = ("person", "client", "user_input", "user")
_REPLY = ("chatbot", "assistant", "reference_response", "response")
_DEPTH = 4
"""Folders below the given one that are searched."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One exchange: what a client wrote and the reference reply."""

    persona: str
    turn: str
    client: str
    reply: str
    scenario: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict, compare=False)
    """The persona's metadata as the file has them; empty where there are none."""

    @property
    def id(self) -> str:
        """Persona and turn, as TIDE's users name a row."""
        return f"{self.persona}-{self.turn}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A file or entry that could not be read."""

    file: str
    """Its path below the folder that was read."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder gave."""

    dialogues: tuple[Dialogue, ...]
    problems: tuple[Problem, ...]


class Splits(BaseModel):
    """Personas by split, written out so that nobody has to trust a shuffle."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    by: Literal["persona"]
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]

    def of(self, persona: str) -> Split | None:
        """Return the split a persona belongs to, or none."""
        names: tuple[Split, ...] = ("train", "dev", "test")
        return next((name for name in names if persona in getattr(self, name)), None)


def read_dialogues(folder: Traversable | Path) -> Reading:
    """Read every conversation file of a folder, in order of persona.

    Args:
        folder: Holds `conversations/{N}_conversation*.json` and `metadata/{N}_metadata.json`.
            Where there are none, JSON files with `conversation` in their names are taken from
            anywhere below.

    Raises:
        BadInput: the folder does not exist or holds no conversation file.
    """
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.")
    problems: list[Problem] = []
    files = sorted(_json_files(folder, "", _DEPTH, problems), key=_File.order)
    metadata: dict[str, dict[str, Any]] = {}
    for file in files:
        if file.name.endswith("_metadata.json"):
            found = _load(file, problems)
            if isinstance(found, dict):
                metadata.setdefault(file.persona, found)
            elif found is not None:
                problems.append(Problem(file.path, "is not a mapping"))
    anywhere = [file for file in files if "conversation" in file.name]
    conversations = [
        file
        for file in anywhere
        if file.path.startswith("conversations/") and "_conversation" in file.name
    ] or anywhere
    if not conversations:
        raise BadInput(f"{folder} holds no *_conversation.json files.")
    dialogues: dict[str, Dialogue] = {}
    for file in conversations:
        for dialogue in _dialogues(file, metadata, problems):
            if dialogue.id in dialogues:
                problems.append(Problem(file.path, f"{dialogue.id} is there twice"))
            dialogues.setdefault(dialogue.id, dialogue)
    return Reading(tuple(dialogues.values()), tuple(problems))


@cache
def shipped_dialogues() -> tuple[Dialogue, ...]:
    """Return the shipped set, in order of persona and turn."""
    reading = read_dialogues(shipped("personas"))
    if reading.problems:
        first = reading.problems[0]
        raise BadInput(f"The shipped set is damaged ({first.file}); install tide-chat again.")
    return tuple(sorted(reading.dialogues, key=lambda dialogue: dialogue.id))


@cache
def splits() -> Splits:
    """Return the shipped set's splits.

    Raises:
        BadInput: the file is damaged.
    """
    try:
        text = (shipped("personas") / "splits.json").read_text(encoding="utf-8")
        return Splits.model_validate_json(text)
    except (OSError, ValidationError) as error:
        raise BadInput("personas/splits.json is damaged; install tide-chat again.") from error


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    content: Traversable

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def persona(self) -> str:
        return self.name.removesuffix(".json").split("_", 1)[0]

    def order(self) -> tuple[bool, int, str]:
        """Personas 2 and 10 in this order, names without a number after them."""
        number = self.persona.isdecimal()
        return (not number, int(self.persona) if number else 0, self.path)


def _json_files(
    folder: Traversable | Path, path: str, depth: int, problems: list[Problem]
) -> Iterator[_File]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        problems.append(Problem(path or ".", "cannot be read"))
        return
    for entry in entries:
        # Archives from a Mac bring a `._N_conversation.json` beside each file.
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and depth > 1:
            yield from _json_files(entry, f"{path}{entry.name}/", depth - 1, problems)
        elif entry.is_file() and entry.name.endswith(".json"):
            yield _File(f"{path}{entry.name}", entry)


def _load(file: _File, problems: list[Problem]) -> Any:
    """Return what a JSON file holds; none where it was reported."""
    try:
        return json.loads(file.content.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        problems.append(Problem(file.path, "is not UTF-8"))
    except (ValueError, RecursionError):
        # ValueError: not JSON, or a number of more digits than Python converts.
        problems.append(Problem(file.path, "is not valid JSON"))
    except OSError:
        problems.append(Problem(file.path, "cannot be read"))
    return None


def _dialogues(
    file: _File, metadata: dict[str, dict[str, Any]], problems: list[Problem]
) -> Iterator[Dialogue]:
    before = len(problems)
    content = _load(file, problems)
    if len(problems) > before:
        return
    turns = content.get("conversations") if isinstance(content, dict) else None
    if not isinstance(turns, dict):
        problems.append(Problem(file.path, "has no `conversations` mapping"))
        return
    for key, pair in turns.items():
        client, reply = _first(pair, _CLIENT), _first(pair, _REPLY)
        if client is None or reply is None:
            side = "client's message" if client is None else "reply"
            problems.append(Problem(file.path, f"{key} has no {side}"))
            continue
        scenario = pair.get("scenario")
        yield Dialogue(
            file.persona,
            key,
            client,
            reply,
            scenario if isinstance(scenario, str) else None,
            metadata.get(file.persona, {}),
        )


def _first(pair: object, keys: tuple[str, ...]) -> str | None:
    if not isinstance(pair, dict):
        return None
    found = next((pair[key] for key in keys if key in pair), None)
    return found.strip() if isinstance(found, str) and found.strip() else None
