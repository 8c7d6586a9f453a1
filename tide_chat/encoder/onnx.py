"""Sentence vectors at chat time: the exported graph, run by onnxruntime.

Ready in half a second and a third of PyTorch's memory. The graph holds transformer, mean pooling
and normalisation, so this module only tokenises and runs. `export.py` makes the graph; a test
holds the two runtimes equal.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tide_chat.errors import EncoderError, MissingPrerequisite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GRAPH", "MAX_TOKENS", "RECEIPT", "OnnxEncoder"]

GRAPH = "sentence.onnx"
RECEIPT = "sentence.toml"

MAX_TOKENS = 256
"""Longer texts are cut, as sentence-transformers cuts them (FACTS: max_seq_length 256)."""

_MAX_CHARACTERS = 20_000
"""Characters that are tokenised at all: 256 tokens never reach further, and tokenising two
megabytes to throw them away would take seconds."""

_BATCH = 32


class OnnxEncoder:
    """MiniLM through onnxruntime; see `tide_chat.encoder.protocol.Encoder`."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        """Load tokenizer and graph.

        Args:
            folder: The encoder's folder on the shelf, with the exported graph in it.
            threads: Threads to compute with; one or two are enough for single sentences.

        Raises:
            MissingPrerequisite: the graph or a library is missing; the message says what mends it.
            EncoderError: the files cannot be loaded.
        """
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingPrerequisite(
                "The sentence encoder's libraries are missing; run: pip install 'tide-chat[recall]'"
            ) from error
        graph, receipt = folder / GRAPH, folder / RECEIPT
        if not graph.is_file() or not receipt.is_file():
            raise MissingPrerequisite("The sentence encoder is not prepared; run: tide-chat setup")
        try:
            made = tomllib.loads(receipt.read_text(encoding="utf-8"))
            self._name = f"{made['encoder']}@{made['graph_sha256'][:12]}"
            self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._tokenizer.enable_truncation(MAX_TOKENS)
            self._tokenizer.enable_padding()
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            options.intra_op_num_threads = threads or 2
            options.inter_op_num_threads = 1
            # Without spinning: a waiting thread must not take a core from the language model.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            self._session: Any = onnxruntime.InferenceSession(
                str(graph), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # tokenizers and onnxruntime raise bare exceptions of their own making.
            raise EncoderError(
                "The sentence encoder cannot be loaded; run: tide-chat setup"
            ) from error
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self._dimensions = int(self._session.get_outputs()[0].shape[-1])

    @property
    def name(self) -> str:
        """Model and the beginning of the graph's sha256."""
        return self._name

    @property
    def dimensions(self) -> int:
        """384 for MiniLM."""
        return self._dimensions

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, float32 of shape (len(texts), dimensions)."""
        import numpy as np

        if not texts:
            return np.zeros((0, self._dimensions), dtype=np.float32)
        cleaned = [_encodable(text) for text in texts]
        # Texts of like length share a batch, so that little is padding.
        order = sorted(range(len(cleaned)), key=lambda index: len(cleaned[index]))
        vectors = np.empty((len(cleaned), self._dimensions), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            vectors[chosen] = self._run([cleaned[index] for index in chosen])
        return vectors

    def _run(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np

        rows = self._tokenizer.encode_batch(texts)
        feeds = {
            "input_ids": np.array([row.ids for row in rows], dtype=np.int64),
            "attention_mask": np.array([row.attention_mask for row in rows], dtype=np.int64),
            "token_type_ids": np.array([row.type_ids for row in rows], dtype=np.int64),
        }
        try:
            out: NDArray[np.float32] = self._session.run(
                None, {name: feed for name, feed in feeds.items() if name in self._inputs}
            )[0]
        except Exception as error:
            # onnxruntime raises bare exceptions of its own making; none may carry a text.
            raise EncoderError("The sentence encoder failed.") from error
        return out


def _encodable(text: str) -> str:
    """Return a text the tokenizer takes: bounded, and without lone surrogates."""
    return text[:_MAX_CHARACTERS].encode("utf-8", errors="replace").decode("utf-8")
