"""The only module that knows folders of this machine.

Everything lies under one home that `TIDE_HOME` moves; without it, the platform's own places for
data and configuration are used. Folders are made private to the user. No conversation is kept here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

__all__ = ["Paths", "private_folder"]


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the program keeps what is not the person's words."""

    data: Path
    """Model files, the encoder, the reference index."""
    config: Path
    """Settings and the record that the disclosure was read."""

    @classmethod
    def default(cls) -> Paths:
        """Return the folders for this user; reads `TIDE_HOME` now, not at import."""
        if home := os.environ.get("TIDE_HOME"):
            root = Path(home).expanduser()
            return cls(data=root, config=root)
        dirs = platformdirs.PlatformDirs("tide-chat", appauthor=False)
        return cls(data=Path(dirs.user_data_path), config=Path(dirs.user_config_path))

    @property
    def models(self) -> Path:
        """Folder of verified GGUF files."""
        return self.data / "models"

    @property
    def encoder(self) -> Path:
        """Folder of the sentence encoder: its original files and the exported graph."""
        return self.data / "encoder"

    @property
    def index(self) -> Path:
        """Folder of the reference index."""
        return self.data / "index"

    @property
    def settings_file(self) -> Path:
        """The user's settings, TOML."""
        return self.config / "settings.toml"

    @property
    def referrals_file(self) -> Path:
        """How often help lines were named: one number a year."""
        return self.data / "referrals.json"

    @property
    def consent_file(self) -> Path:
        """Records that the disclosure was read: a version and a date, nothing else."""
        return self.config / "consent.toml"


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner can enter, its missing parents too, and return it."""
    missing = [folder, *folder.parents]
    for each in reversed([path for path in missing if not path.exists()]):
        each.mkdir(exist_ok=True, mode=0o700)
    return folder
