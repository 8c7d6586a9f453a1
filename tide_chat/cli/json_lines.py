"""Reads JSON lines as people have them: byte order mark, CRLF, broken bytes, blank lines.

One line is one object. A line that is not one is reported by its number and skipped; what stood in
it is never part of the report, because reports end up in terminals and logs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

__all__ = ["read_json_lines"]


def read_json_lines(
    stream: BinaryIO, report: Callable[[int, str], None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each object with the number of its line, counted from 1, as soon as it was read.

    Bytes that are not UTF-8 become U+FFFD, blank lines are passed over, and `report` is called
    with the line number and a reason for every line that is not a JSON object.
    """
    for number, raw in enumerate(stream, start=1):
        line = raw.decode("utf-8", errors="replace").lstrip("\ufeff").strip()
        if not line:
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            # RecursionError: brackets nested beyond what the parser follows.
            report(number, "is not valid JSON")
            continue
        if not isinstance(value, dict):
            report(number, "is not a JSON object")
            continue
        yield number, value
