"""Counts how often the program named a help line: a number a calendar year, and nothing else.

California's B&P Code 22603 asks operators for a yearly count of referrals without personal data.
This file keeps such a count on the person's own machine, for the person's own eyes: no words, no
kind of danger, no day. Whoever finds it learns that help lines were shown in some year, which is
why it can be switched off (`count_referrals = false`) and erased.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from tide_chat.paths import private_folder

__all__ = ["Referrals"]

_LOCK_SECONDS = 1.0


class Referrals:
    """The count in one small file. Never raises for what stands in the file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self) -> None:
        """Count one more referral in this year.

        Raises:
            OSError: the file cannot be written, or another process holds it for a second.
        """
        private_folder(self._file.parent)
        with FileLock(f"{self._file}.lock", timeout=_LOCK_SECONDS):
            counts = self.by_year()
            year = datetime.now(UTC).year
            counts[year] = counts.get(year, 0) + 1
            fresh = self._file.with_suffix(".new")
            text = json.dumps({str(key): counts[key] for key in sorted(counts)})
            fresh.write_text(text + "\n", encoding="utf-8")
            os.replace(fresh, self._file)

    def by_year(self) -> dict[int, int]:
        """Return the count of each year; empty where nothing was counted or can be read."""
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))
            return {int(year): int(count) for year, count in rows.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def erase(self) -> None:
        """Forget every count.

        Raises:
            OSError: the file cannot be removed.
        """
        self._file.unlink(missing_ok=True)
