"""Sentence vectors through sentence-transformers: for whole corpora and for encoders a user names.

Imports PyTorch, which takes seconds; the chat never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tide_chat.errors import EncoderError, MissingPrerequisite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SentenceEncoder", "load_sentence_transformer"]


def load_sentence_transformer(folder: Path) -> Any:
    """Return the sentence-transformers model in a folder, on the CPU, without any network.

    Raises:
        MissingPrerequisite: sentence-transformers is not installed.
        EncoderError: the folder does not hold a model.
    """
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise MissingPrerequisite(
            "sentence-transformers is not installed; run: pip install 'tide-chat[setup]'"
        ) from error
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    except (OSError, ValueError) as error:
        raise EncoderError(f"There is no sentence encoder in {folder}.") from error


class SentenceEncoder:
    """A sentence-transformers model; see `tide_chat.encoder.protocol.Encoder`."""

    def __init__(self, folder: Path) -> None:
        self._model = load_sentence_transformer(folder)
        self._name = folder.name

    @property
    def name(self) -> str:
        """Name of the model's folder."""
        return self._name

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return int(self._model.get_sentence_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, float32 of shape (len(texts), dimensions)."""
        vectors: NDArray[np.float32] = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return vectors
