"""The labelled texts: whole, valid, and split by theme without a leak."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tide_chat.errors import BadInput
from tide_chat.tuning.labelled import read_messages, read_replies

SAFETY = Path(__file__).parents[2] / "safety"
MESSAGES = read_messages(SAFETY / "messages")
REPLIES = read_replies(SAFETY / "replies")


def test_every_file_belongs_to_exactly_one_split() -> None:
    for kind in ("messages", "replies"):
        splits = json.loads((SAFETY / kind / "splits.json").read_text(encoding="utf-8"))
        listed = [theme for themes in splits.values() for theme in themes]
        files = {
            str(file.relative_to(SAFETY / kind).with_suffix(""))
            for file in (SAFETY / kind).glob("*/*.jsonl")
        }
        assert len(listed) == len(set(listed))
        assert set(listed) == files
        assert set(splits) == {"train", "dev", "test"}


def test_there_are_thousands_and_every_level_and_language_is_there() -> None:
    assert len(MESSAGES) > 10_000 and len(REPLIES) > 2_500
    levels = Counter(message.risk for message in MESSAGES)
    assert min(levels.values()) > 1_000
    spanish = [message for message in MESSAGES if message.lang == "es"]
    assert len(spanish) / len(MESSAGES) > 0.15
    for split in ("train", "dev", "test"):
        rows = read_messages(SAFETY / "messages", split)  # type: ignore[arg-type]
        assert {row.lang for row in rows} == {"en", "es"}
        assert {row.level for row in rows} == {0, 1, 2, 3, 4}


def test_no_message_stands_in_two_splits() -> None:
    seen: dict[tuple[str, ...], str] = {}
    for split in ("train", "dev", "test"):
        for row in read_messages(SAFETY / "messages", split):  # type: ignore[arg-type]
            key = tuple(turn.casefold() for turn in row.turns)
            assert seen.setdefault(key, split) == split, row.id


def test_no_reply_stands_in_two_splits() -> None:
    seen: dict[tuple[str, str], str] = {}
    for split in ("train", "dev", "test"):
        for row in read_replies(SAFETY / "replies", split):  # type: ignore[arg-type]
            assert seen.setdefault((row.user, row.text), split) == split, row.id


def test_danger_has_a_category_and_a_bad_reply_its_stretch() -> None:
    assert [row.id for row in MESSAGES if row.level >= 2 and not row.categories] == []
    for reply in REPLIES:
        assert (reply.act == "good") is (not reply.bad)
        assert reply.bad in reply.text


@pytest.mark.parametrize("content", ["{", '{"id": "a"}', '{"id": "a", "lang": "fr"}'])
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "splits.json").write_text('{"train": ["one/two"]}', encoding="utf-8")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "two.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match="one/two.jsonl, line 1"):
        read_messages(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="splits.json"):
        read_messages(tmp_path)
    (tmp_path / "splits.json").write_text('{"train": ["one/two"]}', encoding="utf-8")
    with pytest.raises(BadInput, match="one/two.jsonl"):
        read_messages(tmp_path, "train")
