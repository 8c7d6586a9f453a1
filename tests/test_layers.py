"""The one-way door: which room may import which, and who alone touches a heavy library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tide_chat"

BELOW = {
    "types": set(),
    "errors": set(),
    "shipped": {"errors"},
    "paths": {"errors"},
    "settings": {"errors", "paths"},
    "records": {"types"},
    "personas": {"errors", "shipped", "types"},
    "encoder": {"errors", "paths", "shipped", "types"},
    "shelf": {"errors", "paths", "settings", "shipped", "types"},
    "safety": {"encoder", "errors", "shipped", "types"},
    "retrieval": {"encoder", "errors", "paths", "personas", "shipped", "types"},
    "engine": {"errors", "types"},
    "chat": {
        "encoder",
        "engine",
        "errors",
        "paths",
        "retrieval",
        "safety",
        "settings",
        "shelf",
        "shipped",
        "types",
    },
    "scoring": {
        "chat",
        "encoder",
        "engine",
        "errors",
        "paths",
        "personas",
        "records",
        "retrieval",
        "settings",
        "shelf",
        "shipped",
        "types",
    },
    "tuning": {"encoder", "errors", "paths", "safety", "types"},
    "tui": {"chat", "errors", "paths", "safety", "settings", "shipped", "types"},
}
"""Room to the rooms it may import; `cli` may import all."""

ALONE = {
    "llama_cpp": {"engine", "cli/doctor.py"},
    "torch": {"encoder", "tuning"},
    "sentence_transformers": {"encoder"},
    "onnxruntime": {"encoder"},
    "transformers": {"encoder", "tuning"},
    "faiss": {"retrieval"},
    "textual": {"tui"},
}


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield the modules a file imports and whether it does so when it is itself imported."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    guarded = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        else:
            continue
        if id(node) not in guarded:
            yield from ((name, id(node) not in inner) for name in names)


def room_of(file: Path) -> str:
    relative = file.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


FILES = sorted(file for file in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_rooms_import_only_what_lies_below(file: Path) -> None:
    room = room_of(file)
    if room in {"__init__", "__main__", "cli"}:
        return
    for name, _ in imports(file):
        parts = name.split(".")
        if parts[0] != "tide_chat":
            continue
        if len(parts) == 1:
            continue
        assert parts[1] == room or parts[1] in BELOW[room], f"{room} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_heavy_libraries_have_one_home(file: Path) -> None:
    relative = file.relative_to(PACKAGE).as_posix()
    for name, _ in imports(file):
        top = name.split(".")[0]
        if top in ALONE:
            homes = ALONE[top]
            assert room_of(file) in homes or relative in homes, f"{relative} imports {name}"


def test_every_room_is_known() -> None:
    found = {room_of(file) for file in FILES}
    assert found - {"__init__", "__main__", "cli"} == set(BELOW)
