"""Small classifiers at chat time: a fine-tuned encoder with its head in one graph.

The graph takes token ids and gives one row of probabilities a text. What the columns mean stands in
a card beside it (`<name>.toml`), with the hash that the graph must have.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tide_chat.encoder.runtime import encodable, failing_as, feeds_of, open_session, open_tokenizer
from tide_chat.errors import EncoderError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["OnnxReader"]

_BATCH = 32


class OnnxReader:
    """A classifier's graph, loaded. One instance may be asked from several threads."""

    def __init__(self, folder: Path, name: str, *, threads: int | None = None) -> None:
        """Load `<name>.onnx`, `<name>.toml` and `tokenizer.json` from a folder.

        Raises:
            MissingPrerequisite: onnxruntime or tokenizers is not installed.
            EncoderError: a file is missing, damaged, or not the one its card names.
        """
        self.card = _card(folder / f"{name}.toml")
        graph = folder / f"{name}.onnx"
        with failing_as(f"The classifier {name} cannot be loaded; install tide-chat again."):
            with graph.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != self.card["sha256"]:
                raise EncoderError("hash")
            length = int(self.card["max_tokens"])
            self._tokenizer: Any = open_tokenizer(folder / "tokenizer.json", length, keep_end=True)
            self._session: Any = open_session(graph, threads)
        self.name = f"{name}@{found[:12]}"

    def read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of probabilities a text, float32 of shape (len(texts), columns).

        Texts longer than the card's `max_tokens` lose their beginning: what comes last counts.

        Raises:
            EncoderError: the runtime failed.
        """
        import numpy as np

        with failing_as("The classifier failed."):
            rows = [self._tokenizer.encode(encodable(text)).ids for text in texts]
            order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
            result = np.empty((len(rows), len(self.card["columns"])), dtype=np.float32)
            for start in range(0, len(order), _BATCH):
                chosen = order[start : start + _BATCH]
                feeds = feeds_of([rows[index] for index in chosen])
                wanted = {node.name for node in self._session.get_inputs()}
                result[chosen] = self._session.run(
                    None, {key: value for key, value in feeds.items() if key in wanted}
                )[0]
        return result


def _card(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"The card {file.name} cannot be read.") from error
