"""`tide-chat screen`: the risk of each message of a JSON-lines file, as a stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, BinaryIO

import click

from tide_chat.cli.json_lines import read_json_lines

__all__ = ["command"]


@click.command("screen")
@click.argument("file", type=click.File("rb"), default="-")
def command(file: BinaryIO) -> int:
    r"""Print the risk of each message of FILE (or - for standard input).

    Each line is an object with `id` and `text`, where ` || ` parts the turns of one person, or with
    `turns`, a list. Other keys are passed over. Needs no language model. The exit code says whether
    every line could be read, not what was found.

    \b
    Example:
      echo '{"id":"a","text":"I want to end it tonight"}' | tide-chat screen -
    """
    from tide_chat.safety.screen import Screen

    screen = Screen.shipped()
    failed = 0

    def report(number: int, sentence: str) -> None:
        nonlocal failed
        failed += 1
        click.echo(f"line {number}: {sentence}", err=True)

    for number, row in read_json_lines(file, report):
        turns = _turns(row, number, report)
        if turns is None:
            continue
        found = screen.screen(turns)
        answer = {
            "id": row.get("id", str(number)),
            "risk": found.risk.label,
            "categories": list(found.categories),
            "rules": list(found.rules),
            "score": round(found.score, 4),
        }
        click.echo(json.dumps(answer, ensure_ascii=False))
    return 1 if failed else 0


def _turns(
    row: dict[str, Any], number: int, report: Callable[[int, str], None]
) -> str | list[str] | None:
    turns = row.get("turns")
    if isinstance(turns, list) and turns and all(isinstance(turn, str) for turn in turns):
        return turns
    text = row.get("text")
    if isinstance(text, str):
        return text
    report(number, "it has neither `text` nor a list `turns`")
    return None
