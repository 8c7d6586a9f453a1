"""`tide-chat models`: list, fetch, verify, import and remove model files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tide_chat.errors import ModelFileError
from tide_chat.shelf.check import Progress
from tide_chat.shelf.manifests import manifest, manifests
from tide_chat.shelf.shelf import Shelf, Source

__all__ = ["command", "pull_with_progress"]


@click.group("models")
def command() -> None:
    """List, fetch, verify, import and remove model files."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(as_json: bool) -> int:
    """Print every model that has a manifest, and whether it is here."""
    shelf = Shelf()
    here = set(shelf.installed())
    rows = [
        {
            "id": item.id,
            "kind": item.kind,
            "bytes": item.total_bytes,
            "licence": item.licence,
            "tried": item.tried,
            "installed": item.id in here,
        }
        for item in manifests().values()
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return 0
    click.echo(f"{'model':<30} {'size':>8}  {'here':<5}{'tried':<6} licence")
    for row in rows:
        size = f"{row['bytes'] / 1e6:,.0f} MB" if isinstance(row["bytes"], int) else "?"
        here_word = "yes" if row["installed"] else "-"
        tried = "yes" if row["tried"] else "-"
        click.echo(f"{row['id']:<30} {size:>8}  {here_word:<5}{tried:<6} {row['licence']}")
    return 0


@command.command("pull")
@click.argument("name", metavar="ID")
@click.option(
    "--source", type=click.Choice(["auto", "hub", "mirror"]), default="auto", show_default=True
)
def pull(name: str, source: Source) -> int:
    r"""Fetch a model, verify its sha256 and put it in place; resumes what was cut off.

    \b
    Example:
      tide-chat models pull qwen2.5-coder-0.5b-instruct
    """
    click.echo(str(pull_with_progress(Shelf(), name, source)))
    return 0


def pull_with_progress(shelf: Shelf, name: str, source: Source = "auto") -> Path:
    """Fetch with a progress bar on standard error, or plain lines where there is no terminal."""
    wanted = manifest(name)
    size = f", {wanted.total_bytes / 1e6:,.0f} MB" if wanted.total_bytes else ""
    click.echo(f"Fetching {wanted.title}{size}. Licence: {wanted.licence}.", err=True)
    if wanted.note:
        click.echo(wanted.note, err=True)
    try:
        with _progress() as progress:
            return shelf.pull(name, progress, source)
    except KeyboardInterrupt:
        click.echo("Stopped. The same command goes on from here.", err=True)
        raise


@command.command("verify")
@click.argument("name", metavar="[ID]", required=False)
def verify(name: str | None) -> int:
    """Hash the files of one model, or of all that are here, against their manifests."""
    shelf = Shelf()
    failed = False
    wanted = [name] if name else shelf.installed()
    if not wanted:
        click.echo("There are no model files here yet; see: tide-chat models list", err=True)
    for each in wanted:
        try:
            if not shelf.has(each):
                shelf.path(each)
            shelf.verify(each)
            click.echo(f"{each}: as it should be")
        except ModelFileError as error:
            click.echo(str(error), err=True)
            failed = True
    return 1 if failed else 0


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--id", "name", help="Which model it is; without it, the sha256 tells.")
def import_file(file: Path, name: str | None) -> int:
    r"""Take a model file, or the folder of the sentence encoder, from a USB stick or elsewhere.

    \b
    Examples:
      tide-chat models import /media/stick/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
      tide-chat models import /media/stick/all-minilm-l6-v2
    """
    found = Shelf().import_file(file, name)
    click.echo(f"{found} is in place. Licence: {manifest(found).licence}.")
    return 0


@command.command("remove")
@click.argument("name", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> int:
    """Delete the files of a model."""
    wanted = manifest(name)
    if not yes:
        click.confirm(f"Delete {wanted.title}?", abort=True)
    removed = Shelf().remove(name)
    click.echo(f"{name} was removed." if removed else f"{name} was not here.")
    return 0


@command.command("path")
@click.argument("name", metavar="ID")
def path(name: str) -> int:
    """Print where the verified file of a model lies."""
    click.echo(str(Shelf().path(name)))
    return 0


@contextmanager
def _progress() -> Iterator[Progress]:
    plain = os.environ.get("TERM") == "dumb" or os.environ.get("NO_COLOR")
    if plain or not sys.stderr.isatty():
        yield _PlainLines()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("", total=None)

        def report(done: int, total: int | None) -> None:
            bars.update(task, completed=done, total=total)

        yield report


class _PlainLines:
    """One line each tenth of the way, for logs and screen readers."""

    def __init__(self) -> None:
        self._said = -1

    def __call__(self, done: int, total: int | None) -> None:
        if not total:
            return
        tenth = done * 10 // total
        if tenth > self._said:
            self._said = tenth
            click.echo(f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB", err=True)
