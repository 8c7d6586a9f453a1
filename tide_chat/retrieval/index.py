"""The reference index: exact cosine search over the client sides of reference exchanges.

Small sets are searched exactly (FAISS flat index). An index belongs to one encoder and one corpus
and says so; with any other it is refused.

FAISS and PyTorch each bring an OpenMP runtime, and importing FAISS first, PyTorch second has
crashed on macOS (sentence-transformers issue 2291). The chat never imports PyTorch; set-up imports
it before it comes here; FAISS is imported only where it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tide_chat.encoder.protocol import Encoder
from tide_chat.errors import MissingPrerequisite, RetrievalError
from tide_chat.paths import private_folder
from tide_chat.personas import Dialogue
from tide_chat.types import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MIN_COSINE", "Origin", "ReferenceIndex", "corpus_hash", "origin_of"]

MIN_COSINE = 0.35
"""Nothing is brought up below this cosine between message and client side.

Chosen on the shipped set with MiniLM, looking at the nearest train exchange of another persona
(test personas were not looked at). At 0.35 something is found for 6 of the 9 dev messages, 40 of
the 54 train messages and 10 of 20 messages of a few words ("fireworks scare me"), and for 3 of 30
that have nothing to do with it ("recommend a pasta recipe"). At 0.30 the strays double; at 0.40
they stay and only 5 dev, 24 train and 3 short messages are left. Below 0.35 the exchanges found
read as unrelated.
"""

Origin: TypeAlias = Literal["shipped", "own"]
"""Whether the texts inside are the package's choice or what somebody built the index from."""

_FORMAT = "2"
_VECTORS, _PASSAGES, _RECEIPT = "references.faiss", "passages.jsonl", "index.toml"
_MEND = "run: tide-chat references build"
_DAMAGED = f"The reference index is damaged; {_MEND}"


def corpus_hash(dialogues: Sequence[Dialogue]) -> str:
    """Return the sha256 over ids and texts of a corpus, in its order."""
    digest = hashlib.sha256()
    for dialogue in dialogues:
        for part in (dialogue.id, dialogue.client, dialogue.reply):
            raw = part.encode("utf-8", errors="replace")
            digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def origin_of(folder: Path) -> Origin | None:
    """Return where the texts of an index on disk come from; none where that cannot be read."""
    try:
        receipt = tomllib.loads((folder / _RECEIPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = receipt.get("origin")
    return found if found in {"shipped", "own"} else None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingPrerequisite(
            "FAISS is not installed; run: pip install 'tide-chat[recall]'"
        ) from error
    faiss.omp_set_num_threads(1)
    return faiss


@dataclass(frozen=True, slots=True)
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

    def save(self, folder: Path, *, origin: Origin = "shipped") -> None:
        """Write the index.

        Each file is moved into place whole. The receipt goes last and holds the hashes of the
        others, so that a mixture of two savings is noticed.

        Raises:
            RetrievalError: the folder cannot be written to.
        """
        lines = "".join(f"{json.dumps(asdict(entry))}\n" for entry in self._entries)
        # Not FAISS's own file functions: they do not take every path on every system.
        contents = {
            _PASSAGES: lines.encode("ascii"),
            _VECTORS: _faiss().serialize_index(self._vectors).tobytes(),
        }
        receipt = (
            f'format = "{_FORMAT}"\norigin = "{origin}"\n'
            f"encoder = {json.dumps(self._encoder.name)}\n"
            f'corpus = "{self.corpus_hash}"\ncount = {len(self)}\n'
            f'passages_sha256 = "{_sha256(contents[_PASSAGES])}"\n'
            f'vectors_sha256 = "{_sha256(contents[_VECTORS])}"\n'
        )
        contents[_RECEIPT] = receipt.encode()
        try:
            private_folder(folder)
            with tempfile.TemporaryDirectory(prefix=".saving-", dir=folder) as fresh:
                for name, content in contents.items():
                    (Path(fresh) / name).write_bytes(content)
                for name in contents:
                    os.replace(Path(fresh) / name, folder / name)
        except OSError as error:
            raise RetrievalError(f"The reference index cannot be written to {folder}.") from error

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> ReferenceIndex:
        """Read an index.

        Raises:
            RetrievalError: there is none, it is damaged, or it belongs to another encoder; the
                message names the command that mends it.
        """
        try:
            receipt = tomllib.loads((folder / _RECEIPT).read_text(encoding="utf-8"))
            passages = (folder / _PASSAGES).read_bytes()
            packed = (folder / _VECTORS).read_bytes()
        except FileNotFoundError as error:
            raise RetrievalError(f"There is no reference index yet; {_MEND}") from error
        except (OSError, ValueError) as error:
            raise RetrievalError(_DAMAGED) from error
        if receipt.get("format") != _FORMAT:
            raise RetrievalError(f"The reference index is of another version; {_MEND}")
        if receipt.get("encoder") != encoder.name:
            raise RetrievalError(f"The reference index belongs to another encoder; {_MEND}")
        # The hashes first: FAISS is not asked to read bytes that it did not write.
        hashes = (receipt.get("passages_sha256"), receipt.get("vectors_sha256"))
        if hashes != (_sha256(passages), _sha256(packed)):
            raise RetrievalError(_DAMAGED)
        import numpy as np

        try:
            entries = [_Entry(**json.loads(line)) for line in passages.splitlines()]
            vectors = _faiss().deserialize_index(np.frombuffer(packed, dtype=np.uint8))
        except (ValueError, TypeError, RuntimeError) as error:
            raise RetrievalError(_DAMAGED) from error
        if (vectors.ntotal, vectors.d) != (len(entries), encoder.dimensions):
            raise RetrievalError(_DAMAGED)
        return cls(encoder, entries, vectors, str(receipt.get("corpus", "")))

    def search(
        self, text: str, *, count: int = 2, exclude_personas: Collection[str] = ()
    ) -> tuple[Passage, ...]:
        """Return the nearest passages, at most one a persona, none below `MIN_COSINE`.

        Raises:
            EncoderError: the message could not be embedded.
        """
        if not self._entries or count < 1 or not text.strip():
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
