"""Opens the chat: the screen in a terminal, the line mode everywhere else."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from functools import partial

import click

from tide_chat.paths import Paths
from tide_chat.settings import Settings
from tide_chat.tui.seam import OpensPartner, Partner

__all__ = ["command"]

_LOUD = ("TEXTUAL", "TEXTUAL_LOG", "TEXTUAL_SCREENSHOT", "TEXTUAL_DEBUG", "TEXTUAL_SHOW_RETURN")
"""Switches of the terminal library that would write what is typed to a file or a socket."""


@click.command("chat")
@click.option("--model", metavar="ID", help="Model to talk to; see `tide-chat models list`.")
@click.option("--small", is_flag=True, help="Use the smallest model, for little memory.")
@click.option("--plain", is_flag=True, help="Line mode, for screen readers and simple terminals.")
@click.option("--country", metavar="CC", help="Two letters: whose help lines to show.")
@click.option("--no-retrieval", is_flag=True, help="Answer without reference passages.")
@click.option("--seed", type=int, metavar="N", help="Draw the same words again.")
def command(
    model: str | None,
    small: bool,
    plain: bool,
    country: str | None,
    no_retrieval: bool,
    seed: int | None,
) -> int:
    """Open the chat. Nothing you write is kept.

    F1 shows help lines at any moment, Esc stops a reply, Esc twice leaves at once.

    Example: tide-chat chat --plain --country IE
    """
    _leave_no_trace()
    settings = _settings(country, no_retrieval)
    paths = Paths.default()
    factory: OpensPartner = partial(_open, model, settings, paths, small)
    if plain or not _has_screen():
        from tide_chat.tui import plain as line_mode

        return _end(
            line_mode.run(factory, settings, paths, stdin=sys.stdin, stdout=sys.stdout, seed=seed)
        )
    from tide_chat.tui.app import make_app, run_app

    return _end(run_app(make_app(factory, settings, paths, seed=seed)))


def _open(
    model: str | None, settings: Settings, paths: Paths, small: bool, *, without_model_ok: bool
) -> Partner:
    """Open the companion; imported here because it runs behind the first paint."""
    from tide_chat.chat.companion import Companion

    if without_model_ok:
        # Nothing of the shelf is asked again: whatever is wrong there, a crisis message gets its
        # answer and every other one the fixed text.
        return Companion()
    return Companion.open(model, settings=settings, paths=paths, small=small, background=True)


def _settings(country: str | None, no_retrieval: bool) -> Settings:
    changes: dict[str, object] = {"retrieval": False} if no_retrieval else {}
    if country is not None:
        if not (len(country) == 2 and country.isascii() and country.isalpha()):
            raise click.BadParameter(
                "a country is two letters, for example IE", param_hint="--country"
            )
        changes["country"] = country.upper()
    return Settings.load().model_copy(update=changes)


def _has_screen() -> bool:
    """Say whether there is a terminal that can place text."""
    streams = (sys.stdin, sys.stdout)
    if not all(stream is not None and stream.isatty() for stream in streams):
        return False
    return os.environ.get("TERM", "") not in ("", "dumb")


def _end(code: int) -> int:
    """Return the code; or end the process here when a thread of ours is still in native code.

    The interpreter would tear the model down under it. Nothing is open that needs closing.
    """
    if any(thread.name.startswith("tide-") for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    return code


def _leave_no_trace() -> None:
    """Switch off what could write words to disk: core dumps and the terminal library's logs."""
    for name in _LOUD:
        os.environ.pop(name, None)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
