"""`tide-chat score`: run a suite, report what runs show."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tide_chat.scoring.report import RunReport
    from tide_chat.scoring.run import Advance, Replier
    from tide_chat.scoring.suite import SplitName

__all__ = ["command"]

_EVERY = 10.0
"""Seconds between two plain lines of progress."""


@click.group("score")
def command() -> None:
    """Score models offline: run a suite, then report. See docs/evaluation.md."""


@command.command("run")
@click.argument("suite")
@click.option("--model", metavar="ID", help="Id of a model on the shelf, or a GGUF file.")
@click.option("--bare", is_flag=True, help="Only the model: no retrieval, no guard.")
@click.option(
    "--split",
    type=click.Choice(["train", "dev", "test", "all"]),
    help="Personas to take: `test` unless SUITE is a JSON-lines file, then `all`.",
)
@click.option("--limit", type=click.IntRange(1), help="Only the first so many cases.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--retry-errors", is_flag=True, help="Run cases again that ended in an error.")
def run_command(
    suite: str,
    model: str | None,
    bare: bool,
    split: SplitName | None,
    limit: int | None,
    seed: int,
    out: Path,
    retry_errors: bool,
) -> int:
    r"""Run SUITE: `shipped`, a TIDE-shaped folder, or a JSON-lines file.

    The log is written case by case. After an interruption of any kind the same command goes on
    where it stopped.

    \b
    Example:
      tide-chat score run shipped --model qwen2.5-coder-0.5b-instruct --out run.jsonl
    """
    from tide_chat.chat.companion import Companion
    from tide_chat.engine.llama import usable_threads
    from tide_chat.scoring.run import BARE_VERSION, BareReplier, CompanionReplier, run
    from tide_chat.scoring.spec import make_spec
    from tide_chat.scoring.suite import load_suite
    from tide_chat.settings import Settings

    loaded = load_suite(suite, split, limit)
    for problem in loaded.problems:
        click.echo(problem, err=True)
    settings = Settings.load()
    companion = Companion.open(model, settings=settings)
    try:
        if not bare:
            companion.warm()
        assert companion.engine is not None
        name = companion.engine.name
        sha256, size = _identity(model, name)
        spec = make_spec(
            loaded,
            model=name,
            model_sha256=sha256,
            model_bytes=size,
            bare=bare,
            sampling=companion.sampling_for(0),
            seed=seed,
            versions={"prompt": BARE_VERSION} if bare else companion.versions,
            context_tokens=companion.engine.context_tokens,
            threads=settings.threads or usable_threads(),
        )
        replier: Replier = (
            BareReplier(companion.engine, companion.sampling_for(0))
            if bare
            else CompanionReplier(companion)
        )
        with _advance() as advance:
            errors = run(
                loaded,
                replier,
                out,
                spec,
                seed=seed,
                retry_errors=retry_errors,
                advance=advance,
            )
    finally:
        companion.close()
    click.echo(f"{len(loaded.cases)} samples in {out}.", err=True)
    return 1 if errors or loaded.problems else 0


def _identity(model: str | None, name: str) -> tuple[str | None, int | None]:
    """Return sha256 and bytes of the model's file.

    A file named by its path is hashed: its name says nothing of what is in it, even where it is
    that of a model on the shelf. A model of the shelf was verified when it was opened.
    """
    if model is not None and model.endswith(".gguf"):
        from tide_chat.shelf.check import sha256_of

        file = Path(model).expanduser()
        return sha256_of(file), file.stat().st_size
    from tide_chat.shelf.manifests import manifests

    known = manifests().get(name)
    return (known.files[0].sha256, known.files[0].bytes) if known else (None, None)


@command.command("report")
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-cosine", is_flag=True, help="Leave the sentence encoder out.")
def report_command(logs: tuple[Path, ...], as_json: bool, no_cosine: bool) -> int:
    r"""Print what run logs show, with intervals clustered by persona.

    \b
    Example:
      tide-chat score report bare.jsonl companion.jsonl
    """
    from tide_chat.encoder.protocol import Encoder
    from tide_chat.errors import TideError
    from tide_chat.paths import Paths
    from tide_chat.retrieval.opening import open_encoder
    from tide_chat.scoring.log import read_log
    from tide_chat.scoring.report import report_json, report_run

    encoder: Encoder | None = None
    why = "left out by --no-cosine"
    if not no_cosine:
        try:
            encoder = open_encoder(Paths.default())
        except TideError as error:
            why = str(error)
    reports = [report_run(read_log(log), encoder, why) for log in logs]
    if as_json:
        click.echo(json.dumps(report_json(reports), ensure_ascii=False))
    else:
        _table(reports)
    return 1 if any(report.problems or report.missing for report in reports) else 0


def _table(reports: list[RunReport]) -> None:
    from rich.console import Console
    from rich.table import Table

    from tide_chat.scoring.metrics import METRICS

    table = Table("run", "mode", "model", "n", *METRICS, "errors", "tokens/s")
    for report in reports:
        cells = []
        for result in report.metrics:
            if result.mean is None:
                cells.append(f"unscored ({result.unscored})")
                continue
            digits = 1 if result.name == "words" else 3
            cell = f"{result.mean:.{digits}f}"
            if result.low is not None:
                cell += f" [{result.low:.{digits}f}, {result.high:.{digits}f}]"
            cells.append(cell)
        table.add_row(
            report.name,
            str(report.spec.get("mode")),
            str(report.spec.get("model")),
            f"{report.samples}/{report.personas}",
            *cells,
            str(report.errors),
            f"{report.tokens_per_second or '-'}",
        )
    console = Console()
    console.print(table)
    console.print("n is samples/personas; intervals are 95 %, personas drawn with replacement.")
    for metric in METRICS.values():
        console.print(f"{metric.name}: {metric.source}. {metric.caveat}", style="dim")
    for report in reports:
        if report.missing:
            console.print(f"{report.name} is not finished: {report.missing} cases are missing.")
        for problem in report.problems:
            console.print(f"{report.name}: {problem}.")


@contextmanager
def _advance() -> Iterator[Callable[[Advance], None]]:
    """Yield what shows how far a run is: a bar in a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("", total=None)
        yield lambda now: bars.update(
            task, completed=now.done, total=now.total, description=_left(now)
        )


class _Lines:
    """Plain lines for a file or a pipe: the first, the last, and one every ten seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, now: Advance) -> None:
        """Print how far the run is, unless that was just done."""
        if time.monotonic() >= self._next or now.done == now.total:
            self._next = time.monotonic() + _EVERY
            click.echo(f"{now.done} of {now.total}{_left(now, ', ')}", err=True)


def _left(now: Advance, before: str = "") -> str:
    if now.seconds_left is None or now.rate is None:
        return ""
    minutes, seconds = divmod(round(now.seconds_left), 60)
    return f"{before}{now.rate * 60:.1f} cases a minute, {minutes}:{seconds:02d} left"
