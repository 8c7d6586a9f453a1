"""Opens encoder and references, building the index where it is missing or old."""

from __future__ import annotations

import contextlib

from tide_chat.encoder.onnx import OnnxEncoder
from tide_chat.encoder.protocol import Encoder
from tide_chat.errors import RetrievalError
from tide_chat.paths import Paths
from tide_chat.personas import Dialogue, shipped_dialogues, splits
from tide_chat.retrieval.index import ReferenceIndex, corpus_hash, origin_of

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
    """Return the index on disk; where it is missing, damaged or old, a fresh one.

    A fresh one holds the shipped set. An index somebody built from texts of their own is never
    replaced here.

    Raises:
        RetrievalError: somebody's own index cannot be used; the message names the command.
    """
    wanted = default_references()
    own = origin_of(paths.index) == "own"
    try:
        found = ReferenceIndex.load(paths.index, encoder)
        if own or found.corpus_hash == corpus_hash(wanted):
            return found
    except RetrievalError:
        if own:
            raise
    built = ReferenceIndex.build(wanted, encoder)
    # On a full or read-only disk the chat still has its references, and builds them each time.
    with contextlib.suppress(RetrievalError):
        built.save(paths.index)
    return built
