"""The reference index: exact cosine search over the client sides of reference exchanges.

Small sets are searched exactly (FAISS flat index). An index belongs to one encoder and one corpus
and says so; with any other it is refused.

FAISS and PyTorch each bring an OpenMP runtime, and importing both in one process has crashed on
macOS. The chat never imports PyTorch; here FAISS is imported only where it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tide_chat.encoder.protocol import Encoder
from tide_chat.errors import MissingPrerequisite, RetrievalError
from tide_chat.paths import private_folder
from tide_chat.personas import Dialogue
from tide_chat.types import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MIN_COSINE", "ReferenceIndex", "corpus_hash"]

MIN_COSINE = 0.35
"""Nothing is brought up below this similarity between message and client side. Chosen by looking
at messages of the dev personas against the train personas; see docs/architecture.md."""

_FORMAT = "1"
_VECTORS, _PASSAGES, _RECEIPT = "references.faiss", "passages.jsonl", "index.toml"
_MEND = "run: tide-chat references build"


def corpus_hash(dialogues: Sequence[Dialogue]) -> str:
    """Return the sha256 over ids and texts of a corpus, in its order."""
    digest = hashlib.sha256()
    for dialogue in dialogues:
        for part in (dialogue.id, dialogue.client, dialogue.reply):
            raw = part.encode("utf-8", errors="replace")
            digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingPrerequisite(
            "FAISS is not installed; run: pip install 'tide-chat[recall]'"
        ) from error
    faiss.omp_set_num_threads(1)
    return faiss


@dataclass(frozen=True)
class _Entry:
    id: str
    persona: str
    client: str
    reply: str


class ReferenceIndex:
    """A loaded index with the encoder it belongs to."""

    def __init__(
        self, encoder: Encoder, entries: Sequence[_Entry], vectors: Any, corpus: str
    ) -> None:
        self._encoder = encoder
        self._entries = tuple(entries)
        self._vectors = vectors
        self.corpus_hash = corpus
        """Identity of the texts inside."""

    def __len__(self) -> int:
        return len(self._entries)

    @classmethod
    def build(cls, dialogues: Sequence[Dialogue], encoder: Encoder) -> ReferenceIndex:
        """Encode the client sides and return the index, in memory."""
        faiss = _faiss()
        vectors = faiss.IndexFlatIP(encoder.dimensions)
        if dialogues:
            vectors.add(encoder.encode([dialogue.client for dialogue in dialogues]))
        entries = [_Entry(d.id, d.persona, d.client, d.reply) for d in dialogues]
        return cls(encoder, entries, vectors, corpus_hash(dialogues))

    def save(self, folder: Path) -> None:
        """Write the index; its receipt goes last, so that half an index is never taken for one."""
        faiss = _faiss()
        private_folder(folder)
        (folder / _RECEIPT).unlink(missing_ok=True)
        lines = [json.dumps(vars(entry), ensure_ascii=False) for entry in self._entries]
        (folder / _PASSAGES).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        faiss.write_index(self._vectors, str(folder / _VECTORS))
        receipt = folder / f"{_RECEIPT}.part"
        receipt.write_text(
            f'format = "{_FORMAT}"\nencoder = "{self._encoder.name}"\n'
            f'corpus = "{self.corpus_hash}"\ncount = {len(self)}\n',
            encoding="utf-8",
        )
        os.replace(receipt, folder / _RECEIPT)

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> ReferenceIndex:
        """Read an index.

        Raises:
            RetrievalError: there is none, it is damaged, or it belongs to another encoder; the
                message names the command that mends it.
        """
        try:
            receipt = tomllib.loads((folder / _RECEIPT).read_text(encoding="utf-8"))
            lines = (folder / _PASSAGES).read_text(encoding="utf-8").splitlines()
            entries = [_Entry(**json.loads(line)) for line in lines]
            vectors = _faiss().read_index(str(folder / _VECTORS))
        except FileNotFoundError as error:
            raise RetrievalError(f"There is no reference index yet; {_MEND}") from error
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise RetrievalError(f"The reference index is damaged; {_MEND}") from error
        if receipt.get("format") != _FORMAT or receipt.get("encoder") != encoder.name:
            raise RetrievalError(f"The reference index belongs to another encoder; {_MEND}")
        if vectors.ntotal != len(entries) or receipt.get("count") != len(entries):
            raise RetrievalError(f"The reference index is damaged; {_MEND}")
        return cls(encoder, entries, vectors, str(receipt.get("corpus", "")))

    def search(
        self, text: str, *, count: int = 2, exclude_personas: Collection[str] = ()
    ) -> tuple[Passage, ...]:
        """Return the nearest passages, at most one a persona, none below `MIN_COSINE`."""
        if not self._entries or count < 1:
            return ()
        query: NDArray[np.float32] = self._encoder.encode([text])
        cosines, places = self._vectors.search(query, len(self._entries))
        found: list[Passage] = []
        used = set(exclude_personas)
        for cosine, place in zip(cosines[0], places[0], strict=True):
            entry = self._entries[int(place)]
            if float(cosine) < MIN_COSINE or len(found) == count:
                break
            if entry.persona in used:
                continue
            used.add(entry.persona)
            found.append(Passage(entry.id, entry.persona, entry.client, entry.reply, float(cosine)))
        return tuple(found)
