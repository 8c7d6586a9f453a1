"""Sentence vectors through sentence-transformers: for whole corpora and for encoders a user names.

Imports PyTorch, which takes seconds; the chat never does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tide_chat.encoder.onnx import WEIGHTS
from tide_chat.encoder.runtime import encodable
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
    if not (folder / "config.json").is_file():
        # Without this, sentence-transformers takes the path for a name on the hub.
        raise EncoderError(f"There is no sentence encoder in {folder}.")
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise MissingPrerequisite(
            "sentence-transformers is not installed; run: pip install 'tide-chat[setup]'"
        ) from error
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        raise EncoderError(f"The sentence encoder in {folder} cannot be loaded.") from error
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


class SentenceEncoder:
    """A sentence-transformers model; see `tide_chat.encoder.protocol.Encoder`."""

    def __init__(self, folder: Path) -> None:
        """Load a model.

        Raises:
            MissingPrerequisite: sentence-transformers is not installed.
            EncoderError: the folder does not hold a model.
        """
        self._model = load_sentence_transformer(folder)
        self._name = folder.name
        if (folder / WEIGHTS).is_file():
            with (folder / WEIGHTS).open("rb") as stream:
                self._name += f"@{hashlib.file_digest(stream, 'sha256').hexdigest()[:12]}"

    @property
    def name(self) -> str:
        """Model and the beginning of its weights' sha256, whichever runtime computes."""
        return self._name

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return int(self._model.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, float32 of shape (len(texts), dimensions).

        Raises:
            EncoderError: the runtime failed.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        try:
            vectors: NDArray[np.float32] = self._model.encode(
                [encodable(text) for text in texts],
                normalize_embeddings=True,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        except (RuntimeError, ValueError, IndexError) as error:
            raise EncoderError(f"The sentence encoder failed. ({type(error).__name__})") from None
        return np.asarray(vectors, dtype=np.float32)
