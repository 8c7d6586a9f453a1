"""Exports the sentence encoder once: one graph with transformer, mean pooling and normalisation.

Run at set-up. The result is compared with sentence-transformers before it is put in place.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import warnings
from pathlib import Path
from typing import Any

from tide_chat.encoder.onnx import GRAPH, RECEIPT, OnnxEncoder
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
"""Cosine between the two runtimes below which the export is refused."""


def export_onnx(folder: Path) -> Path:
    """Write the graph and its receipt beside the encoder's weights and return the graph's path.

    Raises:
        MissingPrerequisite: sentence-transformers or onnx is not installed.
        EncoderError: the export failed or does not agree with the original.
    """
    import torch

    original = load_sentence_transformer(folder)
    graph, receipt = folder / GRAPH, folder / RECEIPT
    fresh_graph, fresh_receipt = folder / f"{GRAPH}.part", folder / f"{RECEIPT}.part"

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

    rows = original.tokenizer(["two texts", "to trace with"], return_tensors="pt", padding=True)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    free = {0: "batch", 1: "length"}
    with _quiet(), torch.no_grad():
        torch.onnx.export(
            Sentence().eval(),
            tuple(rows[name] for name in names),
            str(fresh_graph),
            input_names=names,
            output_names=["sentence"],
            dynamic_axes={**{name: free for name in names}, "sentence": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    made = hashlib.sha256(fresh_graph.read_bytes()).hexdigest()
    fresh_receipt.write_text(
        f'encoder = "{folder.name}"\nweights_sha256 = "{weights}"\ngraph_sha256 = "{made}"\n'
        f'torch = "{torch.__version__}"\n',
        encoding="utf-8",
    )
    os.replace(fresh_graph, graph)
    os.replace(fresh_receipt, receipt)
    _compare(folder, original)
    return graph


def _compare(folder: Path, original: Any) -> None:
    """Remove the graph again if it does not give the original's vectors."""
    expected = original.encode(list(_SAMPLES), normalize_embeddings=True, show_progress_bar=False)
    got = OnnxEncoder(folder).encode(_SAMPLES)
    if float((expected * got).sum(axis=1).min()) < _EQUAL:
        (folder / GRAPH).unlink()
        raise EncoderError("The exported sentence encoder does not agree with the original.")


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep the exporter's deprecation notices and progress off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
