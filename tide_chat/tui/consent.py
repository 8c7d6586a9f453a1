"""Remembers that the disclosure was read: a version and a date, nothing else."""

from __future__ import annotations

import os
import tomllib
from datetime import date, datetime

from tide_chat.paths import Paths, private_folder

__all__ = ["consented", "record_consent", "today"]


def consented(paths: Paths, version: str) -> bool:
    """Say whether this version of the disclosure was accepted on this machine."""
    try:
        kept = tomllib.loads(paths.consent_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return kept.get("version") == version


def record_consent(paths: Paths, version: str, today: date) -> None:
    """Write the version and the date of the acceptance.

    Raises:
        OSError: the folder cannot be written.
    """
    private_folder(paths.consent_file.parent)
    line = f'version = "{version}"\ndate = {today.isoformat()}\n'
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(paths.consent_file, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(line)


def today() -> date:
    """Return the day it is where the person is."""
    return datetime.now().astimezone().date()
