"""An encoder without weights: texts that share words are near. For tests and demonstrations."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ScriptedEncoder"]

_WORD = re.compile(r"\w+")


class ScriptedEncoder:
    """Hashes words into a unit vector; the same text gives the same vector everywhere."""

    def __init__(self, dimensions: int = 64) -> None:
        self._dimensions = dimensions

    @property
    def name(self) -> str:
        """Tells two sizes apart."""
        return f"scripted-{self._dimensions}"

    @property
    def dimensions(self) -> int:
        """As given."""
        return self._dimensions

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text; an empty text points along the first axis."""
        import numpy as np

        rows = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in _WORD.findall(text.lower()):
                digest = hashlib.sha256(word.encode("utf-8", errors="replace")).digest()
                row[int.from_bytes(digest[:4], "big") % self._dimensions] += 1.0
            if not row.any():
                row[0] = 1.0
            row /= np.linalg.norm(row)
        return rows
