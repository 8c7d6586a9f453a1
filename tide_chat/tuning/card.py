"""The card beside a classifier's graph: what its columns mean, its thresholds, how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

__all__ = ["write_card"]


def write_card(file: Path, card: Mapping[str, object]) -> None:
    """Write a card as TOML; a mapping in it becomes a table."""
    lines = ["# Written by `python -m tide_chat.tuning`; see the model cards in docs."]
    tables = []
    for name, value in card.items():
        if isinstance(value, Mapping):
            tables.append(f"\n[{name}]")
            tables += [f"{key} = {json.dumps(each)}" for key, each in value.items()]
        else:
            lines.append(f"{name} = {json.dumps(value)}")
    file.write_text("\n".join([*lines, *tables]) + "\n", encoding="utf-8")
