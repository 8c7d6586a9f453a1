"""Sentence vectors at chat time: the exported graph, run by onnxruntime.

Ready in a fraction of a second and a third of PyTorch's memory. The graph holds transformer, mean
pooling and normalisation, so this module only tokenises and runs. `export.py` makes the graph; a
test holds the two runtimes equal.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tide_chat.encoder.runtime import encodable, failing_as, feeds_of, open_session, open_tokenizer
from tide_chat.errors import MissingPrerequisite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GRAPH", "MAX_TOKENS", "RECEIPT", "WEIGHTS", "OnnxEncoder", "prepared"]

GRAPH = "sentence.onnx"
RECEIPT = "sentence.toml"
WEIGHTS = "model.safetensors"

MAX_TOKENS = 256
"""Longer texts are cut, as sentence-transformers cuts them (FACTS: max_seq_length 256)."""

_BATCH = 32
_NOT_PREPARED = "The sentence encoder is not prepared; run: tide-chat setup"
_DAMAGED = "The sentence encoder cannot be loaded; run: tide-chat setup"


def prepared(folder: Path) -> bool:
    """Return whether a folder holds a whole graph that was exported from the weights beside it.

    Reads both files to the end: meant for set-up, which mends what this finds wanting.
    """
    try:
        made = _receipt(folder)
    except MissingPrerequisite:
        return False
    return _sha256(folder / GRAPH) == str(made["graph_sha256"])


class OnnxEncoder:
    """MiniLM through onnxruntime; see `tide_chat.encoder.protocol.Encoder`.

    One instance may be asked from several threads.
    """

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        """Load tokenizer and graph.

        Args:
            folder: The encoder's folder on the shelf, with the exported graph in it.
            threads: Threads to compute with; two unless told, which a single sentence is too
                short to outgrow.

        Raises:
            MissingPrerequisite: a library or the graph is missing, or the graph was made from
                other weights; the message says what mends it.
            EncoderError: the files cannot be loaded.
        """
        made = _receipt(folder)
        self._name = f"{made['encoder']}@{made['weights_sha256'][:12]}"
        with failing_as(_DAMAGED):
            self._tokenizer: Any = open_tokenizer(folder / "tokenizer.json", MAX_TOKENS)
            self._session: Any = open_session(folder / GRAPH, threads)
            self._dimensions = int(self._session.get_outputs()[0].shape[-1])

    @property
    def name(self) -> str:
        """Model and the beginning of its weights' sha256, whichever runtime computes."""
        return self._name

    @property
    def dimensions(self) -> int:
        """384 for MiniLM."""
        return self._dimensions

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, float32 of shape (len(texts), dimensions).

        Raises:
            EncoderError: the runtime failed.
        """
        import numpy as np

        vectors = np.empty((len(texts), self._dimensions), dtype=np.float32)
        with failing_as("The sentence encoder failed."):
            # One by one: `encode_batch` starts a thread pool that complains on standard error,
            # over whatever screen is shown, when the process forks later.
            rows = [self._tokenizer.encode(encodable(text)).ids for text in texts]
            # Texts of like length share a batch, so that little is padding.
            order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
            for start in range(0, len(order), _BATCH):
                chosen = order[start : start + _BATCH]
                vectors[chosen] = self._run([rows[index] for index in chosen])
        return vectors

    def _run(self, rows: list[list[int]]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = self._session.run(None, feeds_of(rows))[0]
        return vectors


def _receipt(folder: Path) -> dict[str, Any]:
    """Return the graph's receipt.

    Raises:
        MissingPrerequisite: graph or receipt is missing, or they are not of the weights that lie
            beside them.
    """
    try:
        made = tomllib.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        size = (folder / GRAPH).stat().st_size
        whole = size == made.get("graph_bytes", size)
        keys = ("encoder", "weights_sha256", "graph_sha256")
        named = all(isinstance(made[key], str) for key in keys)
        if whole and named and _same_weights(folder / WEIGHTS, made):
            return made
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingPrerequisite(_NOT_PREPARED) from error
    raise MissingPrerequisite(_NOT_PREPARED)


def _same_weights(weights: Path, made: dict[str, Any]) -> bool:
    """Return whether a weight file is the one a graph came from.

    A file that was not touched since is not read again. One that was removed to save room is no
    objection: the graph holds the weights itself.
    """
    if not weights.is_file():
        return True
    state = weights.stat()
    known = (made.get("weights_bytes"), made.get("weights_mtime_ns"))
    if (state.st_size, state.st_mtime_ns) == known:
        return True
    return _sha256(weights) == str(made["weights_sha256"])


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
