"""What is scored: cases with a client's message and a reference reply, split by persona."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tide_chat.errors import BadInput
from tide_chat.personas import Dialogue, read_dialogues, shipped_dialogues, splits

__all__ = ["Case", "Suite", "SplitName", "load_suite"]

SplitName: TypeAlias = Literal["train", "dev", "test", "all"]

_SEED = 42
_SHARES = (0.7, 0.1)
"""Train and dev shares of the personas of a folder that brings no splits of its own; the rest is
test. As TIDE's users split it (PAPERS 1.3)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One message to answer, with the reply it is compared to."""

    case_id: str
    persona: str
    user: str
    reference: str
    scenario: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases in a fixed order."""

    name: str
    split: SplitName
    cases: tuple[Case, ...]
    problems: tuple[str, ...] = ()
    """One sentence for each file or line that could not be read."""

    @property
    def sha256(self) -> str:
        """Hash over ids and texts, in order."""
        digest = hashlib.sha256()
        for case in self.cases:
            row = [case.case_id, case.persona, case.user, case.reference]
            digest.update(json.dumps(row, ensure_ascii=True).encode())
        return digest.hexdigest()

    @property
    def ids_sha256(self) -> str:
        """Hash over the ids alone: which cases, whatever their texts."""
        return hashlib.sha256("\n".join(case.case_id for case in self.cases).encode()).hexdigest()


def load_suite(source: str, split: SplitName | None = None, limit: int | None = None) -> Suite:
    """Read a suite.

    Args:
        source: `shipped`, a TIDE-shaped folder, or a JSON-lines file of objects with `case_id`,
            `persona`, `user` and `reference`.
        split: Which personas to take; left out, the test personas of `shipped` and of a folder,
            and all of a JSON-lines file, which somebody put together for this.
        limit: Take only the first so many cases.

    Raises:
        BadInput: the source is missing, empty or holds nothing readable.
    """
    problems: list[str] = []
    split = split or ("all" if Path(source).is_file() else "test")
    if source == "shipped":
        cases = [_case(dialogue) for dialogue in shipped_dialogues()]
        known = splits()
        chosen = {c.persona for c in cases if split == "all" or known.of(c.persona) == split}
        name = "shipped"
    else:
        path = Path(source)
        if path.is_dir():
            reading = read_dialogues(path)
            problems = [f"{problem.file}: {problem.sentence}" for problem in reading.problems]
            cases = [_case(dialogue) for dialogue in reading.dialogues]
        elif path.is_file():
            cases = _from_lines(path, problems)
        else:
            raise BadInput(f"There is no suite {source!r}: name `shipped`, a folder or a file.")
        chosen = _personas(cases, split)
        name = path.name
    taken = sorted((c for c in cases if c.persona in chosen), key=lambda case: case.case_id)
    if not taken:
        raise BadInput(f"The suite {name!r} has no readable case in the split {split!r}.")
    return Suite(name, split, tuple(taken[:limit]), tuple(problems))


def _case(dialogue: Dialogue) -> Case:
    return Case(
        _whole(dialogue.id),
        _whole(dialogue.persona),
        _whole(dialogue.client),
        _whole(dialogue.reply),
        None if dialogue.scenario is None else _whole(dialogue.scenario),
        dialogue.metadata,
    )


def _whole(text: str) -> str:
    """Return a text without lone surrogates, which JSON may hold and UTF-8 may not."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _personas(cases: Iterable[Case], split: SplitName) -> set[str]:
    """Return the personas of a split: shuffled by a fixed seed, never by dialogue."""
    personas = sorted({case.persona for case in cases})
    if split == "all":
        return set(personas)
    random.Random(_SEED).shuffle(personas)
    train = round(_SHARES[0] * len(personas))
    dev = train + round(_SHARES[1] * len(personas))
    bounds = {"train": (0, train), "dev": (train, dev), "test": (dev, len(personas))}
    start, end = bounds[split]
    return set(personas[start:end])


def _from_lines(path: Path, problems: list[str]) -> list[Case]:
    cases: dict[str, Case] = {}
    with path.open("rb") as lines:
        for number, raw in enumerate(lines, start=1):
            if not raw.strip():
                continue
            found = _line(raw)
            if isinstance(found, str):
                problems.append(f"{path.name} line {number}: {found}")
            elif found.case_id in cases:
                problems.append(f"{path.name} line {number}: its case_id was there before")
            else:
                cases[found.case_id] = found
    return list(cases.values())


def _line(raw: bytes) -> Case | str:
    """Return the case of a line, or what is wrong with it."""
    try:
        row = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "it is not UTF-8"
    except (json.JSONDecodeError, RecursionError):
        return "it is not valid JSON"
    if not isinstance(row, dict):
        return "it is not an object"
    for key in ("case_id", "persona", "user", "reference"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            return f"`{key}` is missing or empty"
    scenario = row.get("scenario")
    return Case(
        _whole(row["case_id"]),
        _whole(row["persona"]),
        _whole(row["user"]),
        _whole(row["reference"]),
        _whole(scenario) if isinstance(scenario, str) else None,
    )
