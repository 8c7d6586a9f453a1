"""What the README shows is what happens."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tide_chat.cli import _COMMANDS
from tide_chat.paths import private_folder

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_library_example_runs_without_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("model | There is fear in that")
    assert second == "crisis imminent"


def test_every_command_is_named_and_every_link_leads_somewhere() -> None:
    for name in _COMMANDS:
        assert re.search(rf"tide-chat[^\n`]* ?{name}|`tide-chat`", README), name
    root = Path(__file__).parents[1]
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (root / target).exists(), target


def test_a_private_folder_and_its_parents_are_the_owners_alone(tmp_path: Path) -> None:
    made = private_folder(tmp_path / "a" / "b")
    for folder in (made, made.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert private_folder(made) == made
