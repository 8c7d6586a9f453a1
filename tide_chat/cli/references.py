"""`tide-chat references`: build and query the index of reference exchanges."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path

import click

__all__ = ["command"]


@click.group("references")
def command() -> None:
    r"""Build and query the index of reference exchanges.

    \b
    Examples:
      tide-chat references build
      tide-chat references search "the fireworks had me on the floor"
    """


@command.command("build")
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A TIDE-shaped folder, taken whole; without it, the shipped set.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "all"]),
    help="Personas of the shipped set to take: `train` unless told. An index of `all` holds the "
    "answers to the scorer's questions.",
)
def build(folder: Path | None, split: str | None) -> int:
    r"""Encode the references and write the index.

    Files that cannot be read are named and left out; the exit code is then 1.

    \b
    Examples:
      tide-chat references build
      tide-chat references build --from TIDE/
    """
    from tide_chat.errors import BadInput
    from tide_chat.paths import Paths
    from tide_chat.personas import read_dialogues, shipped_dialogues
    from tide_chat.retrieval.index import ReferenceIndex
    from tide_chat.retrieval.opening import default_references, open_encoder

    if folder is not None and split is not None:
        raise click.UsageError("--split is for the shipped set; a folder is taken whole.")
    paths = Paths.default()
    encoder = open_encoder(paths)
    problems = 0
    if folder is not None:
        reading = read_dialogues(folder)
        for problem in reading.problems:
            click.echo(f"{problem.file}: {problem.sentence}", err=True)
        problems = len(reading.problems)
        dialogues = reading.dialogues
        if not dialogues:
            raise BadInput(f"Nothing in {folder} could be read; the index was left as it is.")
    else:
        dialogues = shipped_dialogues() if split == "all" else default_references()
    own = folder is not None or split == "all"
    index = ReferenceIndex.build(dialogues, encoder)
    index.save(paths.index, origin="own" if own else "shipped")
    personas = len({dialogue.persona for dialogue in dialogues})
    click.echo(f"{len(index)} exchanges of {personas} personas in the index.")
    return 1 if problems else 0


@command.command("search")
@click.argument("text")
@click.option("--count", type=click.IntRange(1, 50), default=3, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def search(text: str, count: int, as_json: bool) -> int:
    r"""Print the reference exchanges that come nearest to TEXT; `-` reads it from standard input.

    \b
    Examples:
      tide-chat references search "the fireworks had me on the floor"
      tide-chat references search --count 1 --json - < message.txt
    """
    from tide_chat.paths import Paths
    from tide_chat.retrieval.opening import open_encoder, open_references

    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    paths = Paths.default()
    index = open_references(paths, open_encoder(paths))
    found = index.search(text, count=count)
    for passage in found:
        if as_json:
            line = {**asdict(passage), "score": round(passage.score, 4)}
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            said = textwrap.shorten(passage.client, 96, placeholder=" …")
            click.echo(f"{passage.id}  {passage.score:.2f}\n  {said}\n  > {passage.reply}")
    if not found and not as_json:
        click.echo("Nothing comes near enough.")
    return 0
