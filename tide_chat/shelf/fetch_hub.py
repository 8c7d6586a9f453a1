"""Fetches files from the model hub with the hub's own client, which resumes what was cut off."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tide_chat.errors import MissingPrerequisite
from tide_chat.shelf.check import Progress
from tide_chat.shelf.manifests import Hub, WantedFile

__all__ = ["HubUnreachable", "fetch_from_hub"]

_PATIENCE = 5.0
"""Seconds to wait for the hub's first answer before the next source is tried."""


class HubUnreachable(Exception):
    """The hub did not answer, or does not have the file."""


def fetch_from_hub(hub: Hub, wanted: WantedFile, staging: Path, progress: Progress) -> Path:
    """Download one file below `staging` and return it.

    Raises:
        HubUnreachable: the hub could not be reached or refused.
        MissingPrerequisite: its client is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        from huggingface_hub import get_session, hf_hub_download, hf_hub_url
        from huggingface_hub.utils import logging
        from tqdm.auto import tqdm
    except ImportError as error:
        raise MissingPrerequisite(
            "The model hub's client is not installed; run: pip install 'tide-chat[setup]'"
        ) from error

    class Bar(tqdm):  # type: ignore[type-arg]
        """Reports to us and draws nothing."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs["disable"] = False
            kwargs["file"] = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            kwargs.pop("name", None)
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            progress(int(self.n), int(self.total) if self.total else wanted.bytes)
            return shown

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        # Asked once by hand: the client itself would try an absent network six times.
        url = hf_hub_url(hub.repository, wanted.name, revision=hub.revision)
        get_session().head(url, timeout=_PATIENCE)
    except Exception as error:
        # Which exceptions the session raises depends on the HTTP library of the client's version.
        raise HubUnreachable(type(error).__name__) from error
    try:
        path = hf_hub_download(
            hub.repository,
            wanted.name,
            revision=hub.revision,
            local_dir=staging,
            etag_timeout=_PATIENCE,
            tqdm_class=Bar,
        )
    except OSError as error:
        raise HubUnreachable(type(error).__name__) from error
    except (RuntimeError, ValueError) as error:
        raise HubUnreachable(type(error).__name__) from error
    return Path(path)
