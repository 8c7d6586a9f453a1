"""The reader takes every spelling of TIDE's file shape that is in use, and reports the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tide_chat.errors import BadInput
from tide_chat.personas import read_dialogues, shipped_dialogues, splits


def write(folder: Path, name: str, content: object) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("client", ["person", "client", "user_input", "user"])
@pytest.mark.parametrize("reply", ["chatbot", "assistant", "reference_response", "response"])
def test_every_spelling_of_the_keys(tmp_path: Path, client: str, reply: str) -> None:
    pair = {client: " hello ", reply: "there"}
    write(tmp_path, "conversations/7_conversation.json", {"conversations": {"turn_1": pair}})
    (dialogue,) = read_dialogues(tmp_path).dialogues
    assert (dialogue.client, dialogue.reply) == ("hello", "there")
    assert (dialogue.persona, dialogue.id) == ("7", "7-turn_1")


@pytest.mark.parametrize(
    "name",
    [
        "conversations/12_conversation.json",
        "conversations/12_conversations.json",
        "12_conversation.json",
        "deep/er/12_conversation_v2.json",
    ],
)
def test_every_place_a_file_may_lie(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, {"conversations": {"t": {"person": "a", "chatbot": "b"}}})
    write(tmp_path, "metadata/12_metadata.json", {"age": 40})
    (dialogue,) = read_dialogues(tmp_path).dialogues
    assert dialogue.persona == "12" and dialogue.metadata == {"age": 40}


def test_what_cannot_be_read_is_reported_and_the_rest_counts(tmp_path: Path) -> None:
    good = {"conversations": {"t": {"person": "a", "chatbot": "b"}, "u": {"person": "a"}}}
    write(tmp_path, "conversations/1_conversation.json", good)
    write(tmp_path, "conversations/2_conversation.json", b'{"conversations": {')
    write(tmp_path, "conversations/3_conversation.json", b"\xff\xfe\x00")
    write(tmp_path, "conversations/4_conversation.json", ["list"])
    write(tmp_path, "conversations/5_conversation.json", {"conversations": {"t": 3}})
    write(tmp_path, "metadata/6_metadata.json", ["list"])
    write(tmp_path, "conversations/7_conversation.json", b"null")
    reading = read_dialogues(tmp_path)
    assert [dialogue.id for dialogue in reading.dialogues] == ["1-t"]
    assert [(problem.file, problem.sentence) for problem in reading.problems] == [
        ("metadata/6_metadata.json", "is not a mapping"),
        ("conversations/1_conversation.json", "u has no reply"),
        ("conversations/2_conversation.json", "is not valid JSON"),
        ("conversations/3_conversation.json", "is not UTF-8"),
        ("conversations/4_conversation.json", "has no `conversations` mapping"),
        ("conversations/5_conversation.json", "t has no client's message"),
        ("conversations/7_conversation.json", "has no `conversations` mapping"),
    ]


def test_the_same_dialogue_in_two_files_is_reported(tmp_path: Path) -> None:
    content = {"conversations": {"t": {"person": "a", "chatbot": "b"}}}
    write(tmp_path, "conversations/1_conversation.json", content)
    write(tmp_path, "conversations/1_conversation_more.json", content)
    reading = read_dialogues(tmp_path)
    assert len(reading.dialogues) == 1
    assert [problem.sentence for problem in reading.problems] == ["1-t is there twice"]


def test_other_files_count_only_where_the_usual_ones_are_missing(tmp_path: Path) -> None:
    def content(word: str) -> object:
        return {"conversations": {"t": {"person": word, "chatbot": "b"}}}

    write(tmp_path, "backup/1_conversation.json", content("old"))
    write(tmp_path, "conversations/._2_conversation.json", b"\x00\x05\x16\x07")
    assert [d.client for d in read_dialogues(tmp_path).dialogues] == ["old"]
    for number in (10, 2):
        write(tmp_path, f"conversations/{number}_conversation.json", content("new"))
    reading = read_dialogues(tmp_path)
    assert [dialogue.id for dialogue in reading.dialogues] == ["2-t", "10-t"]
    assert reading.problems == ()


def test_scenario_and_the_first_key_that_is_there(tmp_path: Path) -> None:
    pair = {"user": "third", "client": "second", "person": "first", "chatbot": "b", "scenario": "s"}
    write(tmp_path, "1_conversation.json", {"conversations": {"t": pair}})
    (dialogue,) = read_dialogues(tmp_path).dialogues
    assert (dialogue.client, dialogue.scenario) == ("first", "s")


def test_the_shipped_set_is_read_whole_and_falls_into_its_splits() -> None:
    dialogues = shipped_dialogues()
    known = splits()
    assert len(dialogues) >= 60
    assert len({dialogue.id for dialogue in dialogues}) == len(dialogues)
    assert all(dialogue.scenario and dialogue.metadata for dialogue in dialogues)
    assert {known.of(dialogue.persona) for dialogue in dialogues} == {"train", "dev", "test"}
    assert known.of("nobody") is None


def test_no_folder_and_an_empty_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no folder"):
        read_dialogues(tmp_path / "none")
    with pytest.raises(BadInput, match="holds no"):
        read_dialogues(tmp_path)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    write(folder, "1_conversation.json", content)
    reading = read_dialogues(folder)
    assert len(reading.problems) == 1 and not reading.dialogues
