"""Keeps llama.cpp's own messages off the terminal.

llama.cpp writes to standard error, which is where a full-screen interface draws. Its messages go
to the logger `tide_chat.engine` instead. They describe files and buffers, never a prompt.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

__all__ = ["last_complaint", "route_native_logs"]

_log = logging.getLogger("tide_chat.engine")
_log.addHandler(logging.NullHandler())
_log.propagate = False
# Without a handler of its own Python would print warnings to standard error all the same; a host
# program that wants them adds its handler to this logger.

_LEVELS = {3: logging.WARNING, 4: logging.ERROR}
"""ggml's levels: 1 debug, 2 info, 3 warning, 4 error, 5 continues the line before."""

_complaints: deque[str] = deque(maxlen=8)
_callback: Any = None


def route_native_logs() -> None:
    """Send llama.cpp's messages to our logger, once a process."""
    global _callback
    if _callback is not None:
        return
    import llama_cpp

    def receive(level: int, text: bytes, _: object) -> None:
        line = text.decode("utf-8", errors="replace").rstrip()
        if not line.strip("."):
            return
        if level == 4:
            _complaints.append(line)
        _log.log(_LEVELS.get(level, logging.DEBUG), "%s", line)

    # The reference must outlive every call from native code.
    _callback = llama_cpp.llama_log_callback(receive)
    llama_cpp.llama_log_set(_callback, None)


def last_complaint() -> str | None:
    """Return and forget what llama.cpp complained of first since the last call, or none."""
    first = _complaints[0] if _complaints else None
    _complaints.clear()
    return first
