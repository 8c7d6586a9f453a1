"""Finds the data that travels with the package: manifests, safety policy, personas.

The only module that knows where shipped files lie. In a wheel they are inside the package; in a
checkout they are the top-level folders of the same names. Nothing here is ever written to.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, TypeAlias

from tide_chat.errors import MissingPrerequisite

__all__ = ["Kind", "shipped"]

Kind: TypeAlias = Literal["gguf", "safety", "personas"]


def shipped(kind: Kind) -> Traversable:
    """Return the folder of shipped files of one kind, to be read and never written.

    Raises:
        MissingPrerequisite: the installation lacks its data files.
    """
    package = files("tide_chat")
    packaged = package / "_data" / kind
    if packaged.is_dir():
        return packaged
    if isinstance(package, Path) and (package.parent / "pyproject.toml").is_file():
        checkout = package.parent / kind
        if checkout.is_dir():
            return checkout
    raise MissingPrerequisite(
        f"The {kind!r} data files are not installed with tide-chat; install it again."
    )
