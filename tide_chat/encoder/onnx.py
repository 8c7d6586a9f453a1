"""Sentence vectors at chat time: the exported graph, run by onnxruntime.

Ready in a fraction of a second and a third of PyTorch's memory. The graph holds transformer, mean
pooling and normalisation, so this module only tokenises and runs. `export.py` makes the graph; a
test holds the two runtimes equal.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tide_chat.errors import EncoderError, MissingPrerequisite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GRAPH", "MAX_TOKENS", "RECEIPT", "WEIGHTS", "OnnxEncoder", "encodable", "prepared"]

GRAPH = "sentence.onnx"
RECEIPT = "sentence.toml"
WEIGHTS = "model.safetensors"

MAX_TOKENS = 256
"""Longer texts are cut, as sentence-transformers cuts them (FACTS: max_seq_length 256)."""

_MAX_CHARACTERS = 20_000
"""Characters that are tokenised at all, over ten times what 256 tokens of ordinary prose cover:
tokenising a pasted megabyte only to throw it away would take seconds."""

_BATCH = 32
_NOT_PREPARED = "The sentence encoder is not prepared; run: tide-chat setup"
_DAMAGED = "The sentence encoder cannot be loaded; run: tide-chat setup"


def encodable(text: str) -> str:
    """Return a text any tokenizer takes: bounded, and without lone surrogates."""
    return text[:_MAX_CHARACTERS].encode("utf-8", errors="replace").decode("utf-8")


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
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingPrerequisite(
                "The sentence encoder's libraries are missing; run: pip install 'tide-chat[recall]'"
            ) from error
        made = _receipt(folder)
        self._name = f"{made['encoder']}@{made['weights_sha256'][:12]}"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads or min(2, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        # Without spinning: a waiting thread must not take a core from the language model.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with _foreign(_DAMAGED):
            self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._tokenizer.enable_truncation(MAX_TOKENS)
            # The file asks for a fixed length of 128; `_run` pads each batch to its longest row.
            self._tokenizer.no_padding()
            self._session: Any = onnxruntime.InferenceSession(
                str(folder / GRAPH), options, providers=["CPUExecutionProvider"]
            )
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
        with _foreign("The sentence encoder failed."):
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
        import numpy as np

        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        vectors: NDArray[np.float32] = self._session.run(None, feeds)[0]
        return vectors


@contextmanager
def _foreign(sentence: str) -> Iterator[None]:
    """Turn whatever tokenizers and onnxruntime raise into an `EncoderError`.

    Both raise bare `Exception`s of their own making, so nothing narrower can be caught; their
    messages are not passed on, for they may quote the text.
    """
    try:
        yield
    except Exception as error:
        raise EncoderError(f"{sentence} ({type(error).__name__})") from None


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
