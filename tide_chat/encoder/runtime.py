"""What every graph run by onnxruntime shares: session, tokenizer, padding, and failures.

onnxruntime and tokenizers raise bare `Exception`s of their own making, so nothing narrower can be
caught; their messages are not passed on, for they may quote the text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tide_chat.errors import EncoderError, MissingPrerequisite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["encodable", "failing_as", "feeds_of", "open_session", "open_tokenizer"]

_MAX_CHARACTERS = 20_000
"""Characters that are tokenised at all, over ten times what 256 tokens of ordinary prose cover:
tokenising a pasted megabyte only to throw it away would take seconds."""

_MISSING = "The sentence encoder's libraries are missing; run: pip install 'tide-chat[recall]'"


def encodable(text: str) -> str:
    """Return a text any tokenizer takes: bounded, and without lone surrogates."""
    return text[:_MAX_CHARACTERS].encode("utf-8", errors="replace").decode("utf-8")


def open_session(graph: Path, threads: int | None = None) -> Any:
    """Open a graph on the CPU.

    Args:
        graph: The ONNX file.
        threads: Threads to compute with; two unless told, which a single sentence is too short to
            outgrow.

    Raises:
        MissingPrerequisite: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPrerequisite(_MISSING) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads or min(2, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    # Without spinning: a waiting thread must not take a core from the language model.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def open_tokenizer(file: Path, max_tokens: int, *, keep_end: bool = False) -> Any:
    """Open a tokenizer that cuts at a length, from the end or from the beginning.

    Raises:
        MissingPrerequisite: tokenizers is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingPrerequisite(_MISSING) from error
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.enable_truncation(max_tokens, direction="left" if keep_end else "right")
    # The file asks for a fixed length; `feeds_of` pads each batch to its longest row.
    tokenizer.no_padding()
    return tokenizer


def feeds_of(rows: Sequence[Sequence[int]]) -> dict[str, NDArray[np.int64]]:
    """Return the inputs of a BERT graph for rows of token ids, padded to the longest."""
    import numpy as np

    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


@contextmanager
def failing_as(sentence: str) -> Iterator[None]:
    """Turn whatever tokenizers and onnxruntime raise into an `EncoderError`."""
    try:
        yield
    except MissingPrerequisite:
        raise
    except Exception as error:
        raise EncoderError(f"{sentence} ({type(error).__name__})") from None
