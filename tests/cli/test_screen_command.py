"""`tide-chat screen` as a batch tool."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tide_chat.cli import main
from tide_chat.cli.screen import command


def run(given: bytes, *args: str) -> tuple[int, list[dict[str, object]], str]:
    done = CliRunner().invoke(command, [*args, "-"], input=given, standalone_mode=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return (done.return_value or 0), rows, done.stderr


def test_the_contract() -> None:
    code, rows, _ = run(b'{"id":"a","text":"I want to end it tonight, I have the pills"}\n')
    assert code == 0
    assert list(rows[0]) == ["id", "risk", "categories", "rules", "score"]
    assert rows[0]["id"] == "a" and rows[0]["risk"] == "imminent"
    assert rows[0]["categories"] == ["suicide"]


def test_order_turns_and_unknown_keys() -> None:
    given = (
        '\ufeff{"id":1,"text":"tea","mood":3}\r\n\r\n'
        '{"id":2,"turns":["I\'m going to kill myself","tonight"]}\n'
        '{"text":"ya no quiero vivir || ojalá no despertara"}'
    ).encode()
    code, rows, _ = run(given)
    assert code == 0
    assert [row["id"] for row in rows] == [1, 2, "4"]
    assert [row["risk"] for row in rows] == ["none", "imminent", "moderate"]


def test_bad_lines_are_named_by_number_and_the_rest_goes_on() -> None:
    given = b'not json secret\n[1]\n{"id":3}\n{"id":4,"turns":[1]}\n{"id":5,"text":"a\xffb"}\n'
    code, rows, said = run(given)
    assert code == 1
    assert [row["id"] for row in rows] == [5]
    assert said.count("line ") == 4 and "secret" not in said


def test_a_missing_file_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["screen", str(tmp_path / "none.jsonl")])
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_very_long_line(tmp_path: Path) -> None:
    text = "We walked along the canal. " * 80_000 + "I took the whole bottle of my pills"
    code, rows, _ = run(json.dumps({"id": "x", "text": text}).encode())
    assert code == 0 and rows[0]["risk"] == "imminent"
