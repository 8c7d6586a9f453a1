"""Whether a file is what its manifest says. Hashing a gigabyte takes seconds, so it is noted.

After a file was verified a receipt beside it keeps size, time of change and hash. A file that
still has that size and time is taken as verified; any other is hashed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import tomllib
from collections.abc import Callable
from pathlib import Path

from tide_chat.errors import ModelFileError
from tide_chat.shelf.manifests import WantedFile

__all__ = ["check_file", "forget_receipt", "is_gguf", "sha256_of"]

_CHUNK = 1 << 20
_WORTH_NOTING = 10_000_000
"""Bytes below which hashing is quicker than keeping a receipt."""

_GGUF = struct.Struct("<4sIQQ")
"""Magic, version, count of tensors, count of metadata entries (the GGUF specification)."""

Progress = Callable[[int, int | None], None]
"""Called with bytes done and bytes in all, if known."""


def sha256_of(file: Path, progress: Progress | None = None) -> str:
    """Return the hex sha256 of a file."""
    digest = hashlib.sha256()
    total = file.stat().st_size
    done = 0
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, total)
    return digest.hexdigest()


def is_gguf(file: Path) -> bool:
    """Return whether a file begins as a GGUF file of a known version does."""
    with file.open("rb") as stream:
        head = stream.read(_GGUF.size)
    if len(head) < _GGUF.size:
        return False
    magic, version, tensors, _ = _GGUF.unpack(head)
    return bool(magic == b"GGUF" and 1 <= version <= 3 and tensors > 0)


def check_file(
    file: Path, wanted: WantedFile, mend: str, *, anew: bool = False, called: Path | None = None
) -> None:
    """Make sure a file is the wanted one.

    Args:
        file: The file on disk.
        wanted: What the manifest says of it.
        mend: The command that mends a wrong file, for the message.
        anew: Hash it even if a receipt says that was done.
        called: The file the message is about, where `file` is a copy of it.

    Raises:
        ModelFileError: it is missing, truncated, altered or no GGUF file; one sentence with the
            file, what was expected and the command.
    """
    if not file.is_file():
        raise ModelFileError(f"{file} is missing; run: {mend}")
    status = file.stat()
    if not anew and _receipt(file) == (status.st_size, status.st_mtime_ns, wanted.sha256):
        return
    called = called or file
    if file.suffix == ".gguf" and not is_gguf(file):
        raise ModelFileError(f"{called} is not a GGUF model file; to fetch it again run: {mend}")
    if wanted.bytes is not None and status.st_size != wanted.bytes:
        state = "truncated" if status.st_size < wanted.bytes else "too long"
        raise ModelFileError(
            f"{called} is {state}: it has {status.st_size} bytes and should have {wanted.bytes}; "
            f"to fetch it again run: {mend}"
        )
    found = sha256_of(file)
    if found != wanted.sha256:
        raise ModelFileError(
            f"{called} was altered: its sha256 begins with {found[:12]} and should begin with "
            f"{wanted.sha256[:12]}; to fetch it again run: {mend}"
        )
    if status.st_size >= _WORTH_NOTING:
        _write_receipt(file, status, wanted.sha256)


def forget_receipt(file: Path) -> None:
    """Remove what was noted of a file."""
    _receipt_file(file).unlink(missing_ok=True)


def _receipt_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.receipt.toml")


def _receipt(file: Path) -> tuple[int, int, str] | None:
    try:
        noted = tomllib.loads(_receipt_file(file).read_text(encoding="utf-8"))
        return noted["bytes"], noted["mtime_ns"], noted["sha256"]
    except (OSError, ValueError, KeyError):
        return None


def _write_receipt(file: Path, status: os.stat_result, sha256: str) -> None:
    # A shelf that several people share may be read-only: then it is hashed each time.
    with contextlib.suppress(OSError):
        _receipt_file(file).write_text(
            f'bytes = {status.st_size}\nmtime_ns = {status.st_mtime_ns}\nsha256 = "{sha256}"\n',
            encoding="utf-8",
        )
