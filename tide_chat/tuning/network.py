"""A small classifier: the sentence encoder's transformer with one hidden layer over it.

`fit` trains all of it on texts and targets, `probabilities` applies it, `export` writes the ONNX
graph that `tide_chat.encoder.reader` runs, its weights stored in 8 bits.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Network", "Recipe", "export", "fit", "probabilities"]

_HIDDEN = 384
_SMALLEST = 4096
"""Numbers a matrix must have to be worth storing in 8 bits."""

_HEAD_RATE = 1e-3


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained."""

    epochs: int = 4
    rate: float = 1.5e-4
    """Highest learning rate of the transformer, one cycle (arXiv 1708.07120)."""
    batch: int = 32
    dropout: float = 0.1
    smoothing: float = 0.02
    """Targets become `smoothing / 2` and `1 - smoothing / 2`."""
    max_tokens: int = 128
    seed: int = 0


class Network(torch.nn.Module):
    """Transformer, then mean and first token, one hidden layer, one logit a column."""

    def __init__(self, encoder: Path, columns: int, dropout: float = 0.1) -> None:
        """Take the weights of the encoder in a folder; the head begins at random."""
        super().__init__()
        from transformers import AutoModel

        self.encoder = AutoModel.from_pretrained(encoder)
        self.dropout = torch.nn.Dropout(dropout)
        self.hidden = torch.nn.Linear(2 * self.encoder.config.hidden_size, _HIDDEN)
        self.out = torch.nn.Linear(_HIDDEN, columns)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (texts, columns)."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        joined = self.dropout(torch.cat([states[:, 0], mean], -1))
        logits: torch.Tensor = self.out(self.dropout(torch.nn.functional.gelu(self.hidden(joined))))
        return logits


def fit(
    encoder: Path,
    texts: Callable[[random.Random], Sequence[str]],
    targets: NDArray[np.float32],
    weights: Sequence[float],
    recipe: Recipe,
    say: Callable[[str], None] = print,
) -> Network:
    """Train a classifier.

    Args:
        encoder: Folder of the sentence encoder.
        texts: Gives the texts of an epoch, in the order of `targets`; may vary them.
        targets: 0 to 1, shape (texts, columns).
        weights: How much each column counts in the loss.
        recipe: How to train.
        say: Is told of each epoch.
    """
    rng = random.Random(recipe.seed)
    torch.manual_seed(recipe.seed)
    network = Network(encoder, targets.shape[1], recipe.dropout)
    tokenizer = _tokenizer(encoder)
    head = [*network.hidden.parameters(), *network.out.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": network.encoder.parameters()}, {"params": head}],
        lr=recipe.rate,
        weight_decay=0.01,
    )
    count = len(targets)
    steps = recipe.epochs * (-(-count // recipe.batch) + _buckets(count, recipe.batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=[recipe.rate, _HEAD_RATE], total_steps=steps, pct_start=0.1
    )
    column_weights = torch.tensor(list(weights))
    begun = time.monotonic()
    for epoch in range(recipe.epochs):
        network.train()
        given = texts(rng)
        total = 0.0
        batches = _batches(given, recipe.batch, rng)
        for batch in batches:
            ids, mask = _encode(tokenizer, [given[i] for i in batch], recipe.max_tokens)
            wanted = torch.from_numpy(targets[batch])
            wanted = wanted * (1 - recipe.smoothing) + recipe.smoothing / 2
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(ids, mask)
            each = torch.nn.functional.binary_cross_entropy_with_logits(
                logits.float(), wanted, reduction="none"
            )
            loss = (each * column_weights).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        seconds = time.monotonic() - begun
        say(f"epoch {epoch + 1}: loss {total / len(batches):.4f}, {seconds:.0f} s")
    return network


@torch.no_grad()
def probabilities(
    network: Network, encoder: Path, texts: Sequence[str], max_tokens: int
) -> NDArray[np.float32]:
    """Return probabilities of shape (texts, columns), computed in float32."""
    network.eval()
    tokenizer = _tokenizer(encoder)
    result = np.zeros((len(texts), network.out.out_features), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        ids, mask = _encode(tokenizer, [texts[i] for i in chosen], max_tokens)
        result[chosen] = torch.sigmoid(network(ids, mask)).numpy()
    return result


def export(network: Network, target: Path) -> str:
    """Write the graph with probabilities as its output and return its sha256.

    Weights are stored in 8 bits with a scale a channel and widened when the graph is loaded, so a
    file has a quarter of the size and computes as before; computing in 8 bits too (onnxruntime's
    dynamic quantisation) would be twice as fast and cost five points of recall.
    """

    class WithSigmoid(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(self.inner(ids, mask))

    network.eval()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        example = torch.ones((2, 8), dtype=torch.int64)
        torch.onnx.export(
            WithSigmoid(),
            (example, example),
            str(plain),
            input_names=["input_ids", "attention_mask"],
            output_names=["probabilities"],
            dynamic_axes={
                "input_ids": {0: "texts", 1: "tokens"},
                "attention_mask": {0: "texts", 1: "tokens"},
            },
            dynamo=False,
        )
        _narrow(plain, target)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _narrow(plain: Path, target: Path) -> None:
    """Store every large matrix of a graph in 8 bits."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(plain)
    graph = model.graph
    users = {name: node for node in graph.node for name in node.input}
    widened = []
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.ndim != 2 or values.size < _SMALLEST:
            continue
        user = users[weight.name]
        by_row = user.op_type == "Gather" or any(
            attribute.name == "transB" and attribute.i for attribute in user.attribute
        )
        axis = 0 if by_row else 1
        scale = np.maximum(np.abs(values).max(axis=1 - axis, keepdims=True) / 127, 1e-12)
        narrow = np.clip(np.round(values / scale), -127, 127).astype(np.int8)
        graph.initializer.remove(weight)
        graph.initializer.append(numpy_helper.from_array(narrow, f"{weight.name}_8"))
        scales = scale.astype(np.float32).reshape(-1)
        graph.initializer.append(numpy_helper.from_array(scales, f"{weight.name}_scale"))
        names = [f"{weight.name}_8", f"{weight.name}_scale"]
        widened.append(helper.make_node("DequantizeLinear", names, [weight.name], axis=axis))
    for node in reversed(widened):
        graph.node.insert(0, node)
    onnx.save(model, target)


def _tokenizer(encoder: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(encoder)
    tokenizer.truncation_side = "left"
    return tokenizer


def _encode(
    tokenizer: Any, texts: Sequence[str], max_tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    batch = tokenizer(
        list(texts), padding=True, truncation=True, max_length=max_tokens, return_tensors="pt"
    )
    return batch["input_ids"], batch["attention_mask"]


def _buckets(count: int, size: int) -> int:
    return -(-count // (size * 16))


def _batches(texts: Sequence[str], size: int, rng: random.Random) -> list[list[int]]:
    """Return batches of texts of like length, in random order."""
    order = list(range(len(texts)))
    rng.shuffle(order)
    batches = []
    for start in range(0, len(order), size * 16):
        bucket = sorted(order[start : start + size * 16], key=lambda index: len(texts[index]))
        batches += [bucket[i : i + size] for i in range(0, len(bucket), size)]
    rng.shuffle(batches)
    return batches
