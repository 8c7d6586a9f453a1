"""The log of a run: one JSON line for the whole specification, then one a sample.

Each line is written whole, flushed and synced before the next case begins, so that a process
killed at any moment loses at most the case it was in. A torn last line is cut off on resuming.
Two processes cannot write one log.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tide_chat.errors import BadInput, UserError

__all__ = ["RunLog", "Writer", "open_log", "read_log", "spec_hash"]

FORMAT = 1

_NOT_HASHED = frozenset({"machine", "model_bytes", "started", "spec_hash", "kind"})
"""What may differ between the parts of one run: a resumed run may have moved to another machine.
The bytes of the model are for the reader; its sha256 says the same."""

_BEGINNING = b'{"kind": "spec"'
"""What every log begins with; a file that begins otherwise is never cut."""


def spec_hash(spec: dict[str, Any]) -> str:
    """Return the sha256 of everything in a specification that determines the replies."""
    kept = {key: value for key, value in spec.items() if key not in _NOT_HASHED}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RunLog:
    """A log as read."""

    path: Path
    spec: dict[str, Any]
    samples: tuple[dict[str, Any], ...]
    """One a case: the last line of each, in the order of first appearance."""
    problems: tuple[str, ...] = ()


def read_log(path: Path) -> RunLog:
    """Read a log, finished or not.

    Raises:
        BadInput: it is missing or has no specification.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"The run log {path} cannot be read: {error.strerror}.") from error
    spec: dict[str, Any] | None = None
    samples: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            problems.append(f"line {number} is not whole")
            continue
        kind = row.get("kind") if isinstance(row, dict) else None
        if kind == "spec" and spec is None:
            spec = row
        elif kind == "sample" and isinstance(row.get("case_id"), str):
            if row["case_id"] in samples and samples[row["case_id"]].get("error") is None:
                problems.append(f"line {number} repeats the case {row['case_id']}")
            if spec is not None and row.get("spec_hash") != spec.get("spec_hash"):
                problems.append(f"line {number} is a sample of another run")
            samples[row["case_id"]] = row
        else:
            problems.append(f"line {number} is no sample")
    if spec is None:
        raise BadInput(f"{path} is no run log: its first line is not a specification.")
    return RunLog(path, spec, tuple(samples.values()), tuple(problems))


class Writer:
    """Appends samples to a log that is locked for this process."""

    def __init__(self, descriptor: int, spec: str, done: frozenset[str]) -> None:
        self._descriptor = descriptor
        self._spec_hash = spec
        self.done = done
        """Ids of the cases that need not be run again."""

    def add(self, sample: dict[str, Any]) -> None:
        """Write one sample, whole and synced.

        Raises:
            UserError: the disk is full or the file cannot be written.
        """
        _append(self._descriptor, {"kind": "sample", **sample, "spec_hash": self._spec_hash})


@contextmanager
def open_log(path: Path, spec: dict[str, Any], *, retry_errors: bool = False) -> Iterator[Writer]:
    """Begin a log, or go on with one that has the same specification.

    Args:
        path: The file.
        spec: Everything that determines the replies, plus what is good to know.
        retry_errors: Whether cases that ended in an error are run again.

    Raises:
        UserError: another process writes it, or it belongs to another specification.
    """
    lock = FileLock(f"{path}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"Another run is writing {path}; wait for it or name another file.") from (
            error
        )
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        wanted = spec_hash(spec)
        descriptor = _open(path)
        try:
            done = _resume(path, descriptor, spec, wanted, retry_errors)
            yield Writer(descriptor, wanted, done)
        finally:
            os.close(descriptor)
    finally:
        # Removed while it is held: after the release it could be another process's lock already.
        # Windows refuses to remove an open file; there filelock removes it itself.
        with suppress(OSError):
            Path(f"{path}.lock").unlink(missing_ok=True)
        lock.release()


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def _resume(
    path: Path, descriptor: int, spec: dict[str, Any], wanted: str, retry_errors: bool
) -> frozenset[str]:
    """Cut a torn end off, check the specification, and return the ids that are done."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    if raw[: len(_BEGINNING)] != _BEGINNING[: len(raw)]:
        raise BadInput(f"{path} is no run log and was left as it is; name another file.")
    whole = raw.rfind(b"\n") + 1
    if whole < len(raw):
        os.ftruncate(descriptor, whole)
    os.lseek(descriptor, 0, os.SEEK_END)
    if whole == 0:
        _append(descriptor, {"kind": "spec", **spec, "spec_hash": wanted})
        return frozenset()
    found = read_log(path)
    if spec_hash(found.spec) != wanted:
        differing = _differing(
            {key: value for key, value in found.spec.items() if key not in _NOT_HASHED},
            {key: value for key, value in spec.items() if key not in _NOT_HASHED},
        )
        raise UserError(
            f"{path} belongs to another run: {', '.join(differing)} differ. Name another file."
        )
    return frozenset(
        sample["case_id"]
        for sample in found.samples
        if not (retry_errors and sample.get("error") is not None)
    )


def _differing(one: dict[str, Any], other: dict[str, Any], above: str = "") -> list[str]:
    """Return the names of the fields that differ, those of inner objects after a dot."""
    names: list[str] = []
    for key in sorted(one.keys() | other.keys()):
        left, right = one.get(key), other.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            names += _differing(left, right, f"{above}{key}.")
        elif left != right:
            names.append(f"{above}{key}")
    return names


def _append(descriptor: int, row: dict[str, Any]) -> None:
    line = json.dumps(row, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n"
    try:
        view = memoryview(line)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError as error:
        raise UserError(f"The run log could not be written: {error.strerror}.") from error
