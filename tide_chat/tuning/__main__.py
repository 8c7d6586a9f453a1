"""`python -m tide_chat.tuning`: trains, exports and measures the classifiers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from tide_chat.errors import BadInput
from tide_chat.paths import Paths

_SAFETY = Path(__file__).parents[2] / "safety"


_Command = TypeVar("_Command", bound=Callable[..., None])


def _training(command: _Command) -> _Command:
    """Add the options that every training command has."""
    for option in (
        click.option("--out", type=click.Path(path_type=Path), default=_SAFETY / "classifier"),
        click.option("--seed", default=0, show_default=True),
        click.option("--epochs", default=3, show_default=True),
    ):
        command = option(command)
    return command


@click.group()
def cli() -> None:
    """Train and measure the small classifiers behind screen and guard."""


@cli.command("screen")
@_training
def train_screen(epochs: int, seed: int, out: Path) -> None:
    """Train the screen's classifier on train themes and set its thresholds on dev themes."""
    from tide_chat.tuning import screen_reader
    from tide_chat.tuning.network import Recipe

    recipe = Recipe(epochs=epochs, seed=seed)
    screen_reader.make(_encoder(), _SAFETY / "messages", out, recipe, click.echo)


@cli.command("guard")
@_training
def train_guard(epochs: int, seed: int, out: Path) -> None:
    """Train the guard's classifier on train files and set its threshold on dev files."""
    from tide_chat.tuning import guard_reader
    from tide_chat.tuning.network import Recipe

    recipe = Recipe(epochs=epochs, seed=seed)
    guard_reader.make(_encoder(), _SAFETY / "replies", out, recipe, click.echo)


@cli.command("measure-guard")
@click.option("--split", type=click.Choice(["train", "dev", "test"]), default="test")
@click.option("--rules", is_flag=True, help="The rules alone.")
def measure_guard(split: str, rules: bool) -> None:
    """Print how many bad replies of a split the guard stops, and how many good ones."""
    from tide_chat.safety.guard import Guard
    from tide_chat.tuning.labelled import read_replies
    from tide_chat.tuning.measure import Rate

    guard = Guard.of_rules() if rules else Guard.shipped()
    stopped: dict[str, list[bool]] = {}
    for reply in read_replies(_SAFETY / "replies", split):  # type: ignore[arg-type]
        stopped.setdefault(reply.act, []).append(not guard.check(reply.text, reply.user).allowed)
    bad = [each for act, found in stopped.items() if act != "good" for each in found]
    click.echo(f"{'bad stopped':24} {Rate(sum(bad), len(bad))}")
    for act, found in sorted(stopped.items()):
        click.echo(f"{act:24} {Rate(sum(found), len(found))}")


@cli.command("measure-screen")
@click.option("--split", type=click.Choice(["train", "dev", "test"]), default="test")
@click.option("--rules", is_flag=True, help="The wording rules alone.")
@click.option("--groups", "by_group", is_flag=True, help="Every group, not the headline alone.")
def measure_screen(split: str, rules: bool, by_group: bool) -> None:
    """Print recall and false alarms of the shipped screen on a split."""
    from tide_chat.safety.screen import Screen
    from tide_chat.tuning.labelled import read_messages
    from tide_chat.tuning.measure import groups, rates

    screen = Screen.of_rules() if rules else Screen.shipped()
    messages = read_messages(_SAFETY / "messages", split)  # type: ignore[arg-type]
    levels = [int(screen.screen(list(message.turns)).risk) for message in messages]
    for name, rate in rates(messages, levels).items():
        click.echo(f"{name:48} {rate}")
    if by_group:
        for (kind, name), rate in groups(messages, levels).items():
            click.echo(f"{kind:20} {name:24} {rate}")


def _encoder() -> Path:
    folder = Paths.default().encoder / "all-minilm-l6-v2"
    if not (folder / "model.safetensors").is_file():
        raise BadInput("The sentence encoder is not here; run: tide-chat setup")
    return folder


if __name__ == "__main__":
    cli()
