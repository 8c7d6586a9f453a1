"""Suites: the shipped set, TIDE-shaped folders, JSON lines, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tide_chat.errors import BadInput
from tide_chat.personas import splits
from tide_chat.scoring.suite import load_suite


def write_lines(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def row(number: int, **changes: object) -> dict[str, object]:
    return {
        "case_id": f"{number:02d}",
        "persona": f"p{number % 10}",
        "user": "hello",
        "reference": "hi",
    } | changes


def test_the_shipped_set_is_split_by_persona() -> None:
    parts = {name: load_suite("shipped", name) for name in ("train", "dev", "test", "all")}
    personas = {name: {case.persona for case in part.cases} for name, part in parts.items()}
    assert personas["test"] == set(splits().test)
    assert not personas["train"] & personas["test"] and not personas["dev"] & personas["test"]
    assert len(parts["all"].cases) == sum(len(parts[n].cases) for n in ("train", "dev", "test"))
    assert len(parts["all"].cases) >= 60
    assert parts["test"].sha256 == load_suite("shipped", "test").sha256 != parts["dev"].sha256


def test_a_file_is_split_by_persona_with_a_fixed_seed(tmp_path: Path) -> None:
    source = str(write_lines(tmp_path / "cases.jsonl", [row(n) for n in range(40)]))
    sizes = {name: len(load_suite(source, name).cases) for name in ("train", "dev", "test")}
    assert sizes == {"train": 28, "dev": 4, "test": 8}
    first, again = load_suite(source, "test"), load_suite(source, "test")
    assert first.ids_sha256 == again.ids_sha256
    assert len(load_suite(source, "all", limit=3).cases) == 3


def test_bad_lines_are_named_and_the_good_ones_kept(tmp_path: Path) -> None:
    source = tmp_path / "cases.jsonl"
    good = json.dumps(row(1)).encode()
    source.write_bytes(
        b"\xef\xbb\xbf"
        + good
        + b"\n\nnot json\n[1]\n"
        + b"\xff\xfe\n"
        + json.dumps(row(2, user=" ")).encode()
        + b"\n"
        + good
        + b"\r\n"
    )
    suite = load_suite(str(source), "all")
    assert [case.case_id for case in suite.cases] == ["01"]
    assert suite.problems == (
        "cases.jsonl line 3: it is not valid JSON",
        "cases.jsonl line 4: it is not an object",
        "cases.jsonl line 5: it is not UTF-8",
        "cases.jsonl line 6: `user` is missing or empty",
        "cases.jsonl line 7: its case_id was there before",
    )


def test_a_tide_shaped_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "conversations").mkdir()
    for number in range(10):
        content = {"conversations": {"turn_1": {"person": "a", "assistant": "b"}}}
        file = tmp_path / "conversations" / f"{number}_conversation.json"
        file.write_text(json.dumps(content), encoding="utf-8")
    assert len(load_suite(str(tmp_path), "all").cases) == 10
    assert len(load_suite(str(tmp_path), "train").cases) == 7


def test_no_suite_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no suite"):
        load_suite(str(tmp_path / "none"))
    with pytest.raises(BadInput, match="no readable case"):
        load_suite(str(write_lines(tmp_path / "bad.jsonl", [1])))


def test_half_a_character_is_made_whole(tmp_path: Path) -> None:
    """JSON may escape half a surrogate pair; UTF-8, in hashes and logs, cannot hold it."""
    source = str(write_lines(tmp_path / "cases.jsonl", [row(1, case_id="a\ud83d", user="\ude00")]))
    suite = load_suite(source, "all")
    assert (suite.cases[0].case_id, suite.cases[0].user) == ("a\ufffd", "\ufffd")
    suite.ids_sha256.encode()
