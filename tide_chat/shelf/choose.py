"""Which model to talk to, on this machine."""

from __future__ import annotations

from pathlib import Path

from tide_chat.errors import MissingPrerequisite
from tide_chat.settings import Settings
from tide_chat.shelf.manifests import manifests
from tide_chat.shelf.shelf import Shelf

__all__ = ["DEFAULT", "SMALL", "available_memory", "default_model", "missing_model", "usable_model"]

DEFAULT = "qwen2.5-coder-1.5b-instruct"
SMALL = "qwen2.5-coder-0.5b-instruct"

_ENOUGH = 6 * 1024**3
"""Bytes of free memory from which the larger default is taken: its weights, its cache, the encoder
and room for the rest of the desktop."""

_SMALLEST = 0.5
"""Billions of parameters below which a model is for smoke tests and never chosen for a person."""

_CGROUP = Path("/sys/fs/cgroup/memory.max")


def available_memory(cgroup: Path = _CGROUP) -> int:
    """Return the bytes a new program may use: free memory, or a container's limit if lower."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        return min(free, int(cgroup.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return free


def default_model(available: int | None = None, *, small: bool = False) -> str:
    """Return the default model for so many free bytes of memory, this machine's if left out."""
    if small:
        return SMALL
    if available is None:
        try:
            available = available_memory()
        except ImportError:
            # psutil comes with the model runtime; without it nobody can say how much there is.
            return SMALL
    return DEFAULT if available >= _ENOUGH else SMALL


def usable_model(shelf: Shelf, settings: Settings, *, small: bool = False) -> str:
    """Return the model to open: the one set, else the default, else another tried one that is here.

    Raises:
        MissingPrerequisite: none is here; the message names the command that fetches one.
    """
    if settings.model is not None and not small:
        return settings.model
    first = default_model(small=small)
    others = [
        m.id
        for m in manifests().values()
        if m.kind == "model" and m.tried and m.parameters_billion >= _SMALLEST
    ]
    for name in [first, *reversed(others)]:
        if shelf.has(name):
            return name
    raise MissingPrerequisite(missing_model(first))


def missing_model(name: str = SMALL) -> str:
    """Return the sentence for a machine without a model."""
    return f"There is no model file on this machine yet; run: tide-chat models pull {name}"
