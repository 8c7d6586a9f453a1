"""`tide-chat ask`: one guarded reply, or one conversation from standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import click

from tide_chat.errors import BadInput
from tide_chat.types import HelpOffered, Notice, Released, Replied, Reply, Retracted

__all__ = ["command"]


@click.command("ask")
@click.argument("text")
@click.option(
    "--turns", is_flag=True, help="Each line of standard input is a turn of one conversation."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the turn's record with `reply`, one line a turn."
)
@click.option("--model", help="Id of a model on the shelf, or the path of a GGUF file.")
@click.option("--small", is_flag=True, help="Take the smaller default model.")
@click.option("--country", metavar="CC", help="Two letters: whose help lines are named.")
@click.option("--seed", type=int, help="Makes the reply repeatable.")
@click.option("--no-retrieval", is_flag=True, help="Lay no notes or passages before the model.")
def command(
    text: str,
    turns: bool,
    as_json: bool,
    model: str | None,
    small: bool,
    country: str | None,
    seed: int | None,
    no_retrieval: bool,
) -> int:
    r"""Print one guarded reply to TEXT (or - for standard input).

    \b
    Examples:
      tide-chat ask "I woke up at three again"
      printf 'hello\nI slept badly\\n' | tide-chat ask --turns --json -
    """
    from tide_chat.chat.companion import Companion
    from tide_chat.settings import Settings

    messages = list(_messages(text, turns))
    settings = Settings.load()
    if no_retrieval:
        settings = settings.model_copy(update={"retrieval": False})
    companion = Companion.open(
        model, settings=settings, small=small, background=True, without_model_ok=True
    )
    failed = False
    try:
        conversation = companion.conversation(
            country=country or settings.with_country(), language=settings.language, seed=seed
        )
        for message in messages:
            if as_json:
                from tide_chat.records import reply_json

                reply = conversation.ask(message)
                click.echo(json.dumps(reply_json(reply), ensure_ascii=False))
            else:
                reply = _print(conversation.stream(message))
            failed = failed or reply.outcome == "fallback"
    finally:
        companion.close()
    if failed and companion.engine is None:
        from tide_chat.shelf.choose import missing_model

        click.echo(missing_model(), err=True)
        return 2
    return 1 if failed else 0


def _messages(text: str, turns: bool) -> Iterator[str]:
    if text != "-":
        if turns:
            raise BadInput("`--turns` reads standard input; write - in place of the text.")
        yield text
        return
    given = sys.stdin.buffer.read().decode("utf-8-sig", errors="replace")
    if turns:
        yield from (line for line in given.splitlines() if line.strip())
    else:
        yield given.strip()


def _print(events: Iterator[object]) -> Reply:
    """Write a reply as it comes; a withheld one is followed by what stands in its place."""
    on_a_line = False
    for event in events:
        match event:
            case Released(words):
                click.echo(words, nl=False)
                on_a_line = True
            case Retracted(replacement):
                if on_a_line:
                    click.echo("\n(That is taken back.)")
                click.echo(replacement, nl=False)
                on_a_line = bool(replacement)
            case HelpOffered(words, whole_reply=whole):
                click.echo(words, nl=not whole)
                on_a_line = whole
            case Notice(words):
                click.echo(words)
            case Replied(reply):
                click.echo()
                return reply
    raise AssertionError("a turn always ends with Replied")
