"""`tide-chat guard`: judges candidate replies, one JSON object a line, without any model."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

from tide_chat.cli.json_lines import read_json_lines
from tide_chat.errors import BadInput
from tide_chat.safety.guard import Guard

__all__ = ["command"]


@click.command(
    "guard",
    epilog="""Example: echo '{"id": 1, "text": "You are safe now."}' | tide-chat guard""",
)
@click.argument("file", default="-")
def command(file: str) -> int:
    """Judge candidate replies with the output policy.

    FILE (or - for standard input) holds JSON lines {"id", "text"}, with the message the reply
    answers as an optional "user". Prints {"id", "allowed", "findings"} for each, in order. A
    withheld reply is an answer, not a failure; lines that cannot be read are, and exit with 1.
    """
    bad_lines = 0

    def report(number: int, reason: str) -> None:
        nonlocal bad_lines
        bad_lines += 1
        click.echo(f"Line {number} {reason} and was skipped.", err=True)

    guard = Guard.shipped()
    with _opened(file) as stream:
        for number, row in read_json_lines(stream, report):
            text, user = row.get("text"), row.get("user", "")
            if user is None:
                user = ""
            if "id" not in row or not isinstance(text, str) or not isinstance(user, str):
                report(number, 'needs an "id", a string "text" and, if any, a string "user"')
                continue
            _print(_judged(guard, row["id"], text, user))
    return 1 if bad_lines else 0


def _judged(guard: Guard, case: object, text: str, user: str) -> dict[str, Any]:
    verdict = guard.check(text, user)
    findings = [
        {"rule": each.rule, "act": each.act, "start": each.start, "end": each.end}
        for each in verdict.findings
    ]
    return {"id": case, "allowed": verdict.allowed, "findings": findings}


def _print(row: dict[str, Any]) -> None:
    # ASCII escapes: an id with half a surrogate pair would otherwise break the output.
    click.echo(json.dumps(row))


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise BadInput(f"{file!r} cannot be read: {error.strerror or 'not a file'}.") from error
    except ValueError as error:
        raise BadInput("The file's name cannot be read.") from error
    with stream:
        yield stream
