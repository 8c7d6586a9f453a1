"""The data files are found, travel in the wheel, and say so when they are missing."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tide_chat import shipped as module
from tide_chat.errors import MissingPrerequisite
from tide_chat.shipped import shipped

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("kind", ["gguf", "safety", "personas"])
def test_each_kind_is_found(kind: module.Kind) -> None:
    assert any(entry.is_file() for entry in shipped(kind).iterdir())


def test_missing_data_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "tide_chat"
    package.mkdir()
    monkeypatch.setattr(module, "files", lambda _: package)
    with pytest.raises(MissingPrerequisite, match="install it again"):
        shipped("safety")


@pytest.mark.slow
def test_the_wheel_holds_every_data_file_and_no_weights(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("gguf", "safety", "personas"):
        for file in (ROOT / kind).rglob("*"):
            labelled = file.relative_to(ROOT).parts[1] in {"messages", "replies"}
            if file.is_file() and not file.name.startswith(".") and not labelled:
                assert f"tide_chat/_data/{file.relative_to(ROOT).as_posix()}" in names
    weights = [name for name in names if name.endswith((".gguf", ".safetensors", ".onnx", ".bin"))]
    assert sorted(weights) == [
        "tide_chat/_data/safety/classifier/guard.onnx",
        "tide_chat/_data/safety/classifier/screen.onnx",
    ]
    assert not [name for name in names if "/messages/" in name or "/replies/" in name]
    assert "tide_chat/py.typed" in names
