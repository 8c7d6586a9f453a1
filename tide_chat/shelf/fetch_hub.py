"""Fetches files from the model hub with the hub's own client, going on where a cut left off.

The client's ready-made download throws away a half fetched file, so its two parts are called
here: the question what the file is, and the transfer, which takes a position to start from. No
account is named to the hub, even where the user has signed in to it: who fetches a companion for
trauma is nobody's business.
"""

from __future__ import annotations

import errno
import io
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tide_chat.errors import MissingPrerequisite, UserError
from tide_chat.shelf.check import Progress
from tide_chat.shelf.manifests import Hub, WantedFile

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["HubUnreachable", "fetch_from_hub"]

_PATIENCE = 6.0
"""Seconds to wait for the hub's first answer before the next source is tried."""

_T = TypeVar("_T")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubUnreachable(Exception):
    """The hub did not answer, or does not have the file."""


def fetch_from_hub(hub: Hub, wanted: WantedFile, staging: Path, progress: Progress) -> Path:
    """Download one file below `staging` and return it; what a cut left there is used.

    Raises:
        HubUnreachable: the hub could not be reached or refused, or its file is another one.
        MissingPrerequisite: its client is not installed.
        UserError: the disk is full.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import logging
    except ImportError as error:
        raise MissingPrerequisite(
            "The model hub's client is not installed; run: pip install 'tide-chat[setup]'"
        ) from error
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    # Which HTTP library the client sits on changed with its versions; its own error inherits from
    # the base of whichever it is.
    bases: list[type[Exception]] = list(HfHubHTTPError.__mro__)
    known: list[type[Exception]] = [OSError, ValueError, RuntimeError]
    failures = (*known, *bases[: bases.index(Exception)])
    url = hf_hub_url(hub.repository, wanted.name, revision=hub.revision)
    target = staging / wanted.name
    half = staging / f"{wanted.name}.hub"
    half.parent.mkdir(parents=True, exist_ok=True)
    try:
        found = _answer(lambda: get_hf_file_metadata(url, token=False, timeout=_PATIENCE), failures)
        if found.etag and _SHA256.fullmatch(found.etag) and found.etag != wanted.sha256:
            raise HubUnreachable("it has another file of that name now")
        total = found.size or wanted.bytes
        with _Counted(half, progress, total) as out:
            if total is not None and out.tell() > total:
                out.seek(0)
                out.truncate()
            http_get(
                url,
                out,
                resume_size=out.tell(),
                # Compressed answers have no positions to go on from.
                headers={"Accept-Encoding": "identity"},
                expected_size=total,
            )
    except failures as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise UserError(
                "The disk is full; make room and run the same command again."
            ) from error
        raise HubUnreachable(type(error).__name__) from error
    os.replace(half, target)
    return target


class _Counted(io.FileIO):
    """A file to append to that tells how far it has come."""

    def __init__(self, path: Path, progress: Progress, total: int | None) -> None:
        super().__init__(path, "r+" if path.exists() else "x+")
        self.seek(0, io.SEEK_END)
        self._progress = progress
        self._total = total

    def write(self, data: Buffer, /) -> int:
        """Write all of it and report the position."""
        left = memoryview(data)
        written = len(left)
        while left:
            left = left[super().write(left) :]
        self._progress(self.tell(), self._total)
        return written


def _answer(ask: Callable[[], _T], failures: tuple[type[Exception], ...]) -> _T:
    """Return the answer, or raise `HubUnreachable` when it does not come in time.

    Looking up a name without a network can hold a program far longer than a client's own timeout.
    """
    answer: Future[_T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except failures as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return answer.result(timeout=_PATIENCE + 2)
    except TimeoutError as error:
        raise HubUnreachable("no answer") from error
