"""`tide-chat references`: build and query the index of reference exchanges."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["command"]


@click.group("references")
def command() -> None:
    """Build and query the index of reference exchanges."""


@command.command("build")
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A TIDE-shaped folder; without it, the shipped set.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "all"]),
    default="train",
    show_default=True,
    help="Personas of the shipped set to take; `all` must not be used before scoring.",
)
def build(folder: Path | None, split: str) -> int:
    r"""Encode the references and write the index.

    \b
    Examples:
      tide-chat references build
      tide-chat references build --from TIDE/
    """
    from tide_chat.paths import Paths
    from tide_chat.personas import read_dialogues, shipped_dialogues
    from tide_chat.retrieval.index import ReferenceIndex
    from tide_chat.retrieval.opening import default_references, open_encoder

    paths = Paths.default()
    encoder = open_encoder(paths)
    problems = 0
    if folder is not None:
        reading = read_dialogues(folder)
        for problem in reading.problems:
            click.echo(f"{problem.file}: {problem.sentence}", err=True)
        problems = len(reading.problems)
        dialogues = reading.dialogues
    else:
        dialogues = shipped_dialogues() if split == "all" else default_references()
    ReferenceIndex.build(dialogues, encoder).save(paths.index)
    own = paths.index / "own"
    if folder is not None or split == "all":
        own.touch()
    else:
        own.unlink(missing_ok=True)
    click.echo(f"{len(dialogues)} exchanges in the index.")
    return 1 if problems else 0


@command.command("search")
@click.argument("text")
@click.option("--count", type=click.IntRange(1, 50), default=3, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def search(text: str, count: int, as_json: bool) -> int:
    r"""Print the reference exchanges that come nearest to TEXT.

    \b
    Example:
      tide-chat references search "the fireworks had me on the floor"
    """
    from tide_chat.paths import Paths
    from tide_chat.retrieval.opening import open_encoder, open_references

    paths = Paths.default()
    index = open_references(paths, open_encoder(paths))
    found = index.search(text, count=count)
    for passage in found:
        if as_json:
            line = {
                "id": passage.id,
                "score": round(passage.score, 4),
                "client": passage.client,
                "reply": passage.reply,
            }
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            click.echo(
                f"{passage.id}  {passage.score:.2f}\n  {passage.client}\n  > {passage.reply}"
            )
    if not found and not as_json:
        click.echo("Nothing comes near enough.")
    return 0
