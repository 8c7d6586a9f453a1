"""The specification of a run: everything that determines its replies, and where it was made."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tide_chat import __version__
from tide_chat.scoring.log import FORMAT
from tide_chat.scoring.suite import Suite
from tide_chat.types import Sampling

__all__ = ["make_spec"]

_PACKAGES = ("llama-cpp-python", "onnxruntime", "faiss-cpu", "tokenizers")


def make_spec(
    suite: Suite,
    *,
    model: str,
    model_sha256: str | None,
    model_bytes: int | None = None,
    bare: bool,
    sampling: Sampling,
    seed: int,
    versions: dict[str, str],
    context_tokens: int,
    threads: int,
) -> dict[str, Any]:
    """Return the specification of a run.

    Args:
        suite: What is run.
        model: Id of the model.
        model_sha256: Hash of its file, where known.
        model_bytes: Size of its file, where known.
        bare: Whether only the model answers.
        sampling: How tokens are drawn; its seed is replaced case by case.
        seed: Seed of the run.
        versions: Of prompt, voice, policy, index and encoder, as the companion states them.
        context_tokens: Length of the model's context.
        threads: Threads the model computes with; sums in another order may round differently.
    """
    drawn = {key: value for key, value in asdict(sampling).items() if key != "seed"}
    return {
        "format": FORMAT,
        "suite": suite.name,
        "suite_sha256": suite.sha256,
        "split": suite.split,
        "split_ids_sha256": suite.ids_sha256,
        "cases": len(suite.cases),
        "model": model,
        "model_sha256": model_sha256,
        "model_bytes": model_bytes,
        "adapter": None,
        "mode": "bare" if bare else "companion",
        "versions": {key: value for key, value in versions.items() if key != "model"},
        "sampling": {**drawn, "stop": list(sampling.stop)},
        "context_tokens": context_tokens,
        "seed": seed,
        "parallel": 1,
        "packages": {"tide-chat": __version__, **_installed()},
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": threads,
            "system": platform.system(),
            "python": platform.python_version(),
        },
    }


def _installed() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    """Return the processor's name; never the machine's."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
