"""Sentence vectors at chat time (being written)."""

from __future__ import annotations

from pathlib import Path

__all__ = ["OnnxEncoder"]


class OnnxEncoder:
    """Being written."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        raise NotImplementedError
