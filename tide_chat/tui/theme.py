"""The colours: dark by default, a light twin, both of low saturation. Nothing blinks."""

from __future__ import annotations

from textual.theme import Theme

__all__ = ["DARK", "LIGHT"]

DARK = Theme(
    name="tide",
    primary="#8ea6ad",
    secondary="#9bb09d",
    accent="#c4b48c",
    warning="#c9ad78",
    error="#c79a8f",
    success="#9bb09d",
    foreground="#d6d8d3",
    background="#1b1f22",
    surface="#22272b",
    panel="#2a3035",
    dark=True,
)

LIGHT = Theme(
    name="tide-light",
    primary="#4d6870",
    secondary="#52694f",
    accent="#7a6636",
    warning="#7c5f1e",
    error="#8a4a3d",
    success="#52694f",
    foreground="#2a2f31",
    background="#f3f1eb",
    surface="#eae7df",
    panel="#dfdbd1",
    dark=False,
)
