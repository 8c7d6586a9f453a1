"""Exports the sentence encoder once: one graph with transformer, mean pooling and normalisation.

Run at set-up. The graph is compared with sentence-transformers before it takes its place, and a
graph that was there before stays until then.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tide_chat.encoder.onnx import GRAPH, RECEIPT, WEIGHTS, OnnxEncoder
from tide_chat.encoder.sentence import load_sentence_transformer
from tide_chat.errors import EncoderError

__all__ = ["export_onnx"]

_SAMPLES = (
    "I woke up at three again.",
    "Hoy por fin salí de casa.",
    "A loud bang and I was on the floor before I knew it. " * 20,
    "ok",
    "",
)
_EQUAL = 0.9999
"""Cosine between the two runtimes below which an export is refused."""

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_OPSET = 17


def export_onnx(folder: Path) -> Path:
    """Write the graph and its receipt beside the encoder's weights and return the graph's path.

    Raises:
        MissingPrerequisite: sentence-transformers or onnxruntime is not installed.
        EncoderError: the export failed or does not agree with the original.
    """
    original = load_sentence_transformer(folder)
    # Beside its destination: only within one file system can a file be moved in one step.
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as name:
        fresh = Path(name)
        _write_graph(original, fresh / GRAPH)
        _write_receipt(folder, fresh)
        shutil.copy2(folder / "tokenizer.json", fresh)
        _compare(original, fresh)
        # The receipt last: a graph without its own receipt counts as not prepared.
        (folder / RECEIPT).unlink(missing_ok=True)
        os.replace(fresh / GRAPH, folder / GRAPH)
        os.replace(fresh / RECEIPT, folder / RECEIPT)
    return folder / GRAPH


def _write_graph(original: Any, graph: Path) -> None:
    import torch

    class Sentence(torch.nn.Module):
        """What sentence-transformers does in three modules, as one."""

        def __init__(self) -> None:
            super().__init__()
            self.transformer: Any = original[0].auto_model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            hidden = self.transformer(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
            ).last_hidden_state
            weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, p=2.0, dim=1)

    # Two rows of unlike length, so that padding is part of what is traced.
    rows = original.tokenizer(["two texts", "to trace with"], return_tensors="pt", padding=True)
    free = {0: "batch", 1: "length"}
    try:
        with _quiet(), torch.no_grad():
            # The older exporter: on torch 2.13 its graph is a sixth faster a sentence than the
            # newer one's (2.6 and 3.1 ms) and made in a third of the time (1.5 and 4.7 s).
            torch.onnx.export(
                Sentence().eval(),
                tuple(rows[name] for name in _INPUTS),
                str(graph),
                input_names=list(_INPUTS),
                output_names=["sentence"],
                dynamic_axes={**dict.fromkeys(_INPUTS, free), "sentence": {0: "batch"}},
                opset_version=_OPSET,
                dynamo=False,
            )
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise EncoderError("The sentence encoder could not be exported.") from error


def _write_receipt(folder: Path, fresh: Path) -> None:
    import torch
    import transformers

    weights = folder / WEIGHTS
    (fresh / RECEIPT).write_text(
        "# What the graph beside this file was made from, and with. Written by tide-chat setup.\n"
        f'encoder = "{folder.name}"\n'
        f'weights_sha256 = "{_sha256(weights)}"\n'
        f"weights_bytes = {weights.stat().st_size}\n"
        f"weights_mtime_ns = {weights.stat().st_mtime_ns}\n"
        f'graph_sha256 = "{_sha256(fresh / GRAPH)}"\n'
        f"graph_bytes = {(fresh / GRAPH).stat().st_size}\n"
        f"opset = {_OPSET}\n"
        f'torch = "{torch.__version__}"\n'
        f'transformers = "{transformers.__version__}"\n',
        encoding="utf-8",
    )


def _compare(original: Any, fresh: Path) -> None:
    """Raise unless the graph gives the original's vectors."""
    expected = original.encode(list(_SAMPLES), normalize_embeddings=True, show_progress_bar=False)
    got = OnnxEncoder(fresh).encode(_SAMPLES)
    if not float((expected * got).sum(axis=1).min()) >= _EQUAL:
        raise EncoderError("The exported sentence encoder does not agree with the original.")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notices off the terminal; none of them is for the person waiting."""
    from torch.jit._trace import TracerWarning

    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            warnings.filterwarnings("ignore", category=FutureWarning)
            # The tracer's warnings and a note on index operators; `_compare` and the tests check
            # what they warn of.
            warnings.filterwarnings("ignore", category=TracerWarning)
            warnings.filterwarnings("ignore", category=UserWarning)
            yield
    finally:
        logger.setLevel(level)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
