"""`tide-chat doctor`: what is here, what works, what is missing and the command that mends it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal

import click

from tide_chat import __version__
from tide_chat.errors import TideError
from tide_chat.paths import Paths
from tide_chat.settings import Settings

__all__ = ["Check", "command"]

_LIBRARIES = {
    "llama-cpp-python": ("llama_cpp", "pip install 'tide-chat[llama]'"),
    "textual": ("textual", "pip install 'tide-chat[tui]'"),
    "onnxruntime": ("onnxruntime", "pip install 'tide-chat[recall]'"),
    "tokenizers": ("tokenizers", "pip install 'tide-chat[recall]'"),
    "faiss-cpu": ("faiss", "pip install 'tide-chat[recall]'"),
    "torch": ("torch", "pip install 'tide-chat[setup]'"),
    "sentence-transformers": ("sentence_transformers", "pip install 'tide-chat[setup]'"),
}
_NEEDED = frozenset({"llama-cpp-python", "engine", "textual", "model", "safety policy"})
"""Without these no chat with a model can start."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "missing", "note"]
    detail: str
    mend: str = ""
    """The command that mends it, where something is missing."""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> int:
    r"""Say what is installed, what works, and what mends the rest. Opens no connection.

    \b
    Example:
      tide-chat doctor
    """
    checks = list(_checks())
    ready = not [check for check in checks if check.state == "missing" and check.name in _NEEDED]
    if as_json:
        click.echo(json.dumps({"ready": ready, "checks": [asdict(check) for check in checks]}))
    else:
        for check in checks:
            mend = f"  -> {check.mend}" if check.mend else ""
            click.echo(f"{check.state:<8}{check.name}: {check.detail}{mend}")
        click.echo("A chat can start." if ready else "A chat with a model cannot start yet.")
    return 0 if ready else 2


def _checks() -> Iterator[Check]:
    python = platform.python_version()
    yield Check("tide-chat", "ok", f"{__version__} on Python {python}, {platform.system()}")
    for name in _LIBRARIES:
        yield _library(name)
    yield _engine()
    yield _policy()
    yield _memory()
    yield from _files()
    yield _terminal()
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    found = "found" if compiler else "none; only needed to install llama.cpp"
    yield Check("C++ compiler", "ok" if compiler else "note", found)


def _library(name: str) -> Check:
    module, mend = _LIBRARIES[name]
    try:
        found = version(name)
    except PackageNotFoundError:
        return Check(name, "missing", "not installed", mend)
    if find_spec(module) is None:
        return Check(name, "missing", f"{found} is registered but its files are gone", mend)
    return Check(name, "ok", found)


def _engine() -> Check:
    try:
        from tide_chat.engine.llama import usable_threads
        from tide_chat.engine.native import supports_gpu
    except (ImportError, OSError, RuntimeError):
        return Check(
            "engine", "missing", "llama.cpp does not load", _LIBRARIES["llama-cpp-python"][1]
        )
    gpu = "can use a GPU" if supports_gpu() else "runs on the processor"
    return Check("engine", "ok", f"llama.cpp {gpu}, {usable_threads()} threads")


def _policy() -> Check:
    from tide_chat.safety.guard import Guard
    from tide_chat.safety.help_lines import HelpLines
    from tide_chat.safety.responses import Responses
    from tide_chat.safety.screen import Screen

    try:
        Responses.shipped()
        lines = HelpLines.shipped()
        detail = f"screen {Screen.shipped().policy}, guard {Guard.shipped().policy}"
        country = Settings.load().with_country()
        where = f"help lines for {country or 'worldwide use'}"
        known = country is None or country in lines.countries or country == "UK"
        return Check("safety policy", "ok", f"{detail}, {where if known else 'worldwide lines'}")
    except TideError as error:
        return Check(
            "safety policy", "missing", str(error), "pip install --force-reinstall tide-chat"
        )


def _memory() -> Check:
    try:
        from tide_chat.shelf.choose import available_memory, default_model

        free = available_memory()
    except ImportError:
        return Check("memory", "note", "not known: psutil is not installed")
    return Check("memory", "ok", f"{free / 1e9:.1f} GB free, default model {default_model(free)}")


def _files() -> Iterator[Check]:
    from tide_chat.shelf.choose import usable_model
    from tide_chat.shelf.manifests import ENCODER, manifests
    from tide_chat.shelf.shelf import Shelf

    paths = Paths.default()
    shelf = Shelf(paths)
    try:
        name = usable_model(shelf, Settings.load())
        shelf.path(name)
        others = [m for m in shelf.installed() if m != name and manifests()[m].kind == "model"]
        more = f"; also here: {', '.join(others)}" if others else ""
        yield Check("model", "ok", f"{name} is in place and verified{more}")
    except TideError as error:
        sentence, _, mend = str(error).partition("run: ")
        yield Check("model", "missing", sentence.rstrip("; "), mend or "tide-chat setup")
    from tide_chat.retrieval.opening import open_encoder

    if not shelf.has(ENCODER):
        yield Check("sentence encoder", "missing", "its files are not here yet", "tide-chat setup")
        return
    try:
        shelf.encoder_folder()
        encoder = open_encoder(paths)
        yield Check("sentence encoder", "ok", encoder.name)
    except TideError as error:
        sentence, _, mend = str(error).partition("run: ")
        yield Check("sentence encoder", "missing", sentence.rstrip("; "), mend or "tide-chat setup")
        return
    index = paths.index / "index.toml"
    state: Literal["ok", "note"] = "ok" if index.is_file() else "note"
    yield Check("reference index", state, "in place" if index.is_file() else "built on first use")


def _terminal() -> Check:
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") in (None, "dumb"):
        return Check("terminal", "note", "none that can place text; the chat uses its line mode")
    size = shutil.get_terminal_size()
    return Check("terminal", "ok", f"{os.environ['TERM']}, {size.columns} x {size.lines}")
