"""What every test gets without asking: a home of its own, no sockets, no real model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MODEL_ID = "qwen2.5-coder-0.5b-instruct"
_REAL_HOME = os.environ.get("TIDE_TEST_HOME") or os.environ.get("TIDE_HOME")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Point the program at an empty folder, so that no test touches a person's real files."""
    for name in list(os.environ):
        if name.startswith("TIDE_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("TIDE_HOME", str(folder))
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(autouse=True)
def no_real_models(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make real models raise unless the test is marked `model`."""
    if request.node.get_closest_marker("model"):
        return

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a test without the `model` marker reached for a real model")

    monkeypatch.setattr("tide_chat.engine.llama.LlamaEngine.__init__", refuse)
    monkeypatch.setattr("tide_chat.encoder.onnx.OnnxEncoder.__init__", refuse)


@pytest.fixture(scope="session")
def real_home() -> Path:
    """The folder that holds the downloaded models; the test is skipped where it is missing."""
    from tide_chat.paths import Paths

    if _REAL_HOME:
        folder = Path(_REAL_HOME)
    else:
        kept = os.environ.pop("TIDE_HOME", None)
        folder = Paths.default().data
        if kept is not None:
            os.environ["TIDE_HOME"] = kept
    if not (folder / "models").is_dir():
        pytest.fail(f"no models below {folder}: run `make models` first")
    return folder


@pytest.fixture
def with_models(real_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a `model` test use the downloaded files."""
    monkeypatch.setenv("TIDE_HOME", str(real_home))
    return real_home
