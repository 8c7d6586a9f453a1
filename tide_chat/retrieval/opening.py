"""Opens encoder and references, building the index where it is missing or old."""

from __future__ import annotations

from tide_chat.encoder.onnx import OnnxEncoder
from tide_chat.encoder.protocol import Encoder
from tide_chat.errors import RetrievalError
from tide_chat.paths import Paths
from tide_chat.personas import Dialogue, shipped_dialogues, splits
from tide_chat.retrieval.index import ReferenceIndex, corpus_hash

__all__ = ["ENCODER_FOLDER", "default_references", "open_encoder", "open_references"]

ENCODER_FOLDER = "all-minilm-l6-v2"


def default_references() -> tuple[Dialogue, ...]:
    """Return the exchanges that may be brought up: the train personas' alone.

    Dev and test personas stay out, so that a score never measures copying.
    """
    train = splits().train
    return tuple(dialogue for dialogue in shipped_dialogues() if dialogue.persona in train)


def open_encoder(paths: Paths, *, threads: int | None = None) -> OnnxEncoder:
    """Return the sentence encoder of this machine.

    Raises:
        MissingPrerequisite: it is not there or not prepared; the message names the command.
    """
    return OnnxEncoder(paths.encoder / ENCODER_FOLDER, threads=threads)


def open_references(paths: Paths, encoder: Encoder) -> ReferenceIndex:
    """Return the index on disk; where it is missing, damaged or not of this encoder, a fresh one.

    An index somebody built from a folder of their own is taken as it is. One of the shipped set
    is rebuilt when the set has changed.
    """
    wanted = default_references()
    try:
        found = ReferenceIndex.load(paths.index, encoder)
        own = (paths.index / "own").exists()
        if own or found.corpus_hash == corpus_hash(wanted):
            return found
    except RetrievalError:
        pass
    built = ReferenceIndex.build(wanted, encoder)
    built.save(paths.index)
    (paths.index / "own").unlink(missing_ok=True)
    return built
