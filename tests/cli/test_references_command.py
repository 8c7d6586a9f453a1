"""`tide-chat references`: what it prints, what it refuses, and with which exit code."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tide_chat.cli import main
from tide_chat.encoder.scripted import ScriptedEncoder
from tide_chat.errors import MissingPrerequisite
from tide_chat.paths import Paths
from tide_chat.personas import shipped_dialogues
from tide_chat.retrieval.index import origin_of
from tide_chat.retrieval.opening import default_references


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the encoder without weights in the place of the real one."""
    monkeypatch.setattr(
        "tide_chat.retrieval.opening.open_encoder", lambda paths: ScriptedEncoder(256)
    )


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["references", *arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def write(folder: Path, persona: str, content: str) -> None:
    file = folder / "conversations" / f"{persona}_conversation.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")


GOOD = json.dumps({"conversations": {"t": {"person": "the kettle whistled", "chatbot": "Loud."}}})


def test_the_train_split_is_built_unless_told(
    scripted: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("build") == 0
    count = len(default_references())
    assert capsys.readouterr().out == f"{count} exchanges of 18 personas in the index.\n"
    assert origin_of(Paths.default().index) == "shipped"
    assert run("build", "--split", "all") == 0
    assert capsys.readouterr().out.startswith(f"{len(shipped_dialogues())} exchanges")
    assert origin_of(Paths.default().index) == "own"


def test_a_folder_of_ones_own_is_built_searched_and_left_again(
    scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "tide", "1", GOOD)
    assert run("build", "--from", str(tmp_path / "tide")) == 0
    assert capsys.readouterr().out == "1 exchanges of 1 personas in the index.\n"
    assert run("search", "the kettle whistled") == 0
    assert capsys.readouterr().out == "1-t  1.00\n  the kettle whistled\n  > Loud.\n"
    assert run("search", "--json", "the kettle whistled") == 0
    assert json.loads(capsys.readouterr().out) == {
        "id": "1-t",
        "persona": "1",
        "client": "the kettle whistled",
        "reply": "Loud.",
        "score": 1.0,
    }
    assert run("build") == 0
    assert origin_of(Paths.default().index) == "shipped"


def test_a_corrupt_file_is_named_and_the_rest_is_built(
    scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "tide", "1", GOOD)
    write(tmp_path / "tide", "2", "{")
    assert run("build", "--from", str(tmp_path / "tide")) == 1
    shown = capsys.readouterr()
    assert shown.err == "conversations/2_conversation.json: is not valid JSON\n"
    assert shown.out.startswith("1 exchanges")


def test_a_folder_without_anything_to_read_leaves_the_index_alone(
    scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("build") == 0
    write(tmp_path / "tide", "1", "{")
    assert run("build", "--from", str(tmp_path / "tide")) == 2
    assert "could be read; the index was left as it is." in capsys.readouterr().err
    assert origin_of(Paths.default().index) == "shipped"


def test_a_split_of_a_folder_is_refused(
    scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("build", "--from", str(tmp_path), "--split", "train") == 2
    assert "--split is for the shipped set" in capsys.readouterr().err


def test_the_message_can_come_from_standard_input(
    scripted: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = default_references()[0].client
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(client.encode()), encoding="utf-8")
    )
    assert run("search", "--count", "1", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["id"] == default_references()[0].id


def test_nothing_near_is_said(scripted: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("search", "zzyzx") == 0
    assert capsys.readouterr().out == "Nothing comes near enough.\n"


@pytest.mark.parametrize("arguments", [["build"], ["search", "secret words"]])
def test_without_the_encoder_it_is_one_sentence(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(paths: Paths) -> None:
        raise MissingPrerequisite("The sentence encoder is not prepared; run: tide-chat setup")

    monkeypatch.setattr("tide_chat.retrieval.opening.open_encoder", missing)
    assert run(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.err == "The sentence encoder is not prepared; run: tide-chat setup\n"
    assert shown.out == ""


@pytest.mark.parametrize("name", ["build", "search"])
def test_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    assert f"tide-chat references {name}" in capsys.readouterr().out
