"""Reads two-turn dialogues in TIDE's file shape: shipped, downloaded, or a user's own.

Accepts every spelling of keys and paths seen in use (docs/evaluation.md). A file that cannot be
read is reported and passed over; the others count.
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
    """Read every conversation file of a folder.

    Args:
        folder: Holds `conversations/{N}_conversation*.json` and `metadata/{N}_metadata.json`, or
            such files anywhere below.

    Raises:
        BadInput: the folder does not exist or holds no conversation file.
    """
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.")
    files = sorted(_json_files(folder, _DEPTH), key=lambda file: file.name)
    problems: list[Problem] = []
    metadata = {
        _persona(file.name): found
        for file in files
        if file.name.endswith("_metadata.json") and isinstance(found := _load(file, problems), dict)
    }
    conversations = [file for file in files if "conversation" in file.name]
    if not conversations:
        raise BadInput(f"{folder} holds no *_conversation.json files.")
    dialogues: dict[str, Dialogue] = {}
    for file in conversations:
        for dialogue in _dialogues(file, metadata, problems):
            if dialogue.id in dialogues:
                problems.append(Problem(file.name, f"{dialogue.id} is there twice"))
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


def _json_files(folder: Traversable | Path, depth: int) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir() and depth > 1:
            yield from _json_files(entry, depth - 1)
        elif entry.is_file() and entry.name.endswith(".json"):
            yield entry


def _persona(name: str) -> str:
    return name.split("_", 1)[0]


def _load(file: Traversable, problems: list[Problem]) -> Any:
    try:
        return json.loads(file.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        problems.append(Problem(file.name, "is not UTF-8"))
    except (json.JSONDecodeError, RecursionError):
        problems.append(Problem(file.name, "is not valid JSON"))
    except OSError:
        problems.append(Problem(file.name, "cannot be read"))
    return None


def _dialogues(
    file: Traversable, metadata: dict[str, dict[str, Any]], problems: list[Problem]
) -> Iterator[Dialogue]:
    content = _load(file, problems)
    if content is None:
        return
    turns = content.get("conversations") if isinstance(content, dict) else None
    if not isinstance(turns, dict):
        problems.append(Problem(file.name, "has no `conversations` mapping"))
        return
    persona = _persona(file.name)
    for key, pair in turns.items():
        client, reply = _first(pair, _CLIENT), _first(pair, _REPLY)
        if client is None or reply is None:
            side = "client's message" if client is None else "reply"
            problems.append(Problem(file.name, f"{key} has no {side}"))
            continue
        scenario = pair.get("scenario")
        yield Dialogue(
            persona,
            key,
            client,
            reply,
            scenario if isinstance(scenario, str) else None,
            metadata.get(persona, {}),
        )


def _first(pair: object, keys: tuple[str, ...]) -> str | None:
    if not isinstance(pair, dict):
        return None
    found = next((pair[key] for key in keys if key in pair), None)
    return found.strip() if isinstance(found, str) and found.strip() else None
