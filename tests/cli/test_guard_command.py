"""`tide-chat guard` as a batch tool: what goes in, what comes out, and which exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tide_chat.cli import main
from tide_chat.cli.guard import command
from tide_chat.errors import BadInput

GOOD = "Eleven times, and someone keeping count."
BAD = "You are safe now."


def run(data: bytes, *args: str) -> Result:
    return CliRunner().invoke(command, list(args), input=data, standalone_mode=False)


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_judges_in_order_and_a_blocked_reply_is_no_failure() -> None:
    result = run(lines({"id": "b", "text": BAD, "more": 1}, {"id": "a", "text": GOOD}))
    assert result.return_value == 0
    assert rows(result) == [
        {
            "id": "b",
            "allowed": False,
            "findings": [
                {
                    "rule": "guard.unearned_safety.safe",
                    "act": "unearned_safety",
                    "start": 0,
                    "end": 16,
                }
            ],
        },
        {"id": "a", "allowed": True, "findings": []},
    ]


def test_the_users_message_is_heeded() -> None:
    text = "You are safe now and your body still stands guard."
    result = run(
        lines(
            {"id": 1, "text": text, "user": "i know im safe now"},
            {"id": 2, "text": text, "user": None},
        )
    )
    assert [row["allowed"] for row in rows(result)] == [True, False]


def test_bad_lines_are_named_by_number_never_quoted_and_the_rest_is_judged() -> None:
    data = (
        b"\xef\xbb\xbf"
        + lines({"id": 1, "text": GOOD}).replace(b"\n", b"\r\n")
        + b"secret secret\n\n"
        + lines({"id": 2}, {"text": "secret"}, {"id": 3, "text": ["secret"]})
        + lines({"id": 4, "text": "secret", "user": 5})
        + b'{"id": 5, "text": "caf\xe9"}\n'
    )
    result = run(data)
    assert result.return_value == 1
    assert [row["id"] for row in rows(result)] == [1, 5]
    said = result.stderr.splitlines()
    assert [line.split()[1] for line in said] == ["2", "4", "5", "6", "7"]
    assert "secret" not in result.stderr


def test_lone_surrogates_and_any_id_survive() -> None:
    result = run(b'{"id": {"a": "\\ud800"}, "text": "\\ud800 ok"}\n')
    assert result.return_value == 0
    assert rows(result) == [{"id": {"a": "\ud800"}, "allowed": True, "findings": []}]


def test_a_line_of_two_megabytes() -> None:
    result = run(lines({"id": 1, "text": "x" * 2_000_000}, {"id": 2, "text": "a, " * 700_000}))
    assert [row["allowed"] for row in rows(result)] == [False, False]


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_bytes(lines({"id": 1, "text": GOOD}))
    assert rows(run(b"", str(path)))[0]["allowed"]


@pytest.mark.parametrize("name", ["missing.jsonl", ".", "nul\0byte"])
def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path, name: str) -> None:
    result = run(b"", f"{tmp_path}/{name}")
    assert isinstance(result.exception, BadInput)


def test_exit_codes_through_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["guard", str(tmp_path / "missing.jsonl")])
    assert left.value.code == 2
    assert "cannot be read" in capsys.readouterr().err
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"{}\n")
    with pytest.raises(SystemExit) as left:
        main(["guard", str(path)])
    assert left.value.code == 1


def test_help_shows_an_example() -> None:
    context = click.Context(command, info_name="guard")
    assert "tide-chat guard" in command.get_help(context)
