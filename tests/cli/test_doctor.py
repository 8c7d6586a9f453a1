"""`tide-chat doctor` on machines that lack something: it names it and says what mends it."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tide_chat.cli import main
from tide_chat.engine import native
from tide_chat.shelf.choose import DEFAULT, SMALL, default_model
from tide_chat.shelf.shelf import Shelf


def examine(capsys: pytest.CaptureFixture[str]) -> tuple[object, dict[str, dict[str, Any]]]:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["ready"] is (ended.value.code == 0)
    return ended.value.code, {check["name"]: check for check in report["checks"]}


@pytest.fixture
def model_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shelf, "has", lambda _, name: name == SMALL)
    monkeypatch.setattr(Shelf, "verify", lambda *_, **__: None)


def test_a_machine_with_a_verified_model_is_ready(
    model_here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    code, checks = examine(capsys)
    assert code == 0
    assert checks["model"]["detail"].startswith(f"{SMALL} is in place and verified")
    assert checks["sentence encoder"]["mend"] == "tide-chat setup"


def test_without_llama_cpp_no_chat_starts(
    model_here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tide_chat.engine.native", None)
    code, checks = examine(capsys)
    assert code == 2
    assert checks["engine"]["state"] == "missing"
    assert checks["engine"]["mend"] == "pip install 'tide-chat[llama]'"


def test_without_psutil_the_memory_is_not_known_and_the_smaller_model_is_taken(
    model_here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert default_model(2**40) == DEFAULT
    monkeypatch.setitem(sys.modules, "psutil", None)
    monkeypatch.setattr(native, "supports_gpu", lambda: True)
    assert default_model() == SMALL
    code, checks = examine(capsys)
    assert code == 0
    assert checks["memory"] == {
        "name": "memory",
        "state": "note",
        "detail": "not known: psutil is not installed",
        "mend": "",
    }
    assert "GPU" in checks["engine"]["detail"]
