"""What the manifests in `gguf/` say: a model or encoder by bytes and hash, and its sources."""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tide_chat.errors import BadInput, UserError
from tide_chat.shipped import shipped

__all__ = ["ENCODER", "Hub", "Manifest", "Mirror", "WantedFile", "manifest", "manifests"]

ENCODER = "all-minilm-l6-v2"
"""Id of the sentence encoder."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WantedFile(_Record):
    """One file, by content."""

    name: str
    """Relative to the repository and to the folder it is put into."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    bytes: int | None = Field(default=None, gt=0)
    """Left out where nobody here has seen the file."""


class Hub(_Record):
    """A repository on the model hub."""

    repository: str
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None


class Mirror(_Record):
    """Packages of the Python package index that carry the files, whole or in pieces."""

    package: str
    """Name of the package; `{n}` stands for the number of the piece."""
    version: str
    member: str
    """Path inside the package; `{n}`, `{nn}` (two digits) and `{name}` are filled in."""
    parts: int = Field(ge=1)

    def requirement(self, part: int) -> str:
        """Return what pip is asked for, for one piece counted from 1."""
        return f"{self.package.format(n=part)}=={self.version}"

    def member_of(self, part: int, name: str) -> str:
        """Return the path inside that package."""
        return self.member.format(n=part, nn=f"{part:02d}", name=name)


class Manifest(_Record):
    """A model or encoder."""

    id: str
    kind: Literal["model", "encoder"]
    title: str
    parameters_billion: float
    licence: str
    tried: bool
    """Whether it was downloaded and run here."""
    note: str = ""
    files: tuple[WantedFile, ...] = Field(min_length=1)
    hub: Hub | None = None
    mirror: Mirror | None = None

    @property
    def total_bytes(self) -> int | None:
        """Size of all files, where every one large enough to matter is known."""
        known = [file.bytes for file in self.files if file.bytes is not None]
        return sum(known) if known else None


@cache
def manifests() -> dict[str, Manifest]:
    """Return every manifest by id, models by size first, the encoder last.

    Raises:
        BadInput: a shipped manifest is damaged.
    """
    found = []
    for entry in shipped("gguf").iterdir():
        if entry.name.endswith(".toml"):
            try:
                found.append(
                    Manifest.model_validate(tomllib.loads(entry.read_text(encoding="utf-8")))
                )
            except (tomllib.TOMLDecodeError, ValidationError) as error:
                raise BadInput(f"The manifest gguf/{entry.name} is damaged.") from error
    found.sort(key=lambda item: (item.kind == "encoder", item.parameters_billion, item.id))
    return {item.id: item for item in found}


def manifest(name: str) -> Manifest:
    """Return one manifest.

    Raises:
        UserError: there is none of that id; the message names what comes near.
    """
    known = manifests()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; see: tide-chat models list"
    raise UserError(f"There is no model {name!r}{hint}")
