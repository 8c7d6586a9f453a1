"""tide-chat: a private, offline companion for people living with post-traumatic stress.

The public names load on first use, so importing the package costs next to nothing and pulls in
none of the heavy libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tide_chat.chat.companion import Companion as Companion
    from tide_chat.chat.conversation import Conversation as Conversation
    from tide_chat.engine.llama import LlamaEngine as LlamaEngine
    from tide_chat.engine.protocol import Engine as Engine
    from tide_chat.engine.scripted import ScriptedEngine as ScriptedEngine
    from tide_chat.errors import TideError as TideError
    from tide_chat.safety.guard import Guard as Guard
    from tide_chat.safety.help_lines import HelpLines as HelpLines
    from tide_chat.safety.screen import Screen as Screen
    from tide_chat.settings import Settings as Settings
    from tide_chat.types import CancelToken as CancelToken
    from tide_chat.types import HelpOffered as HelpOffered
    from tide_chat.types import Message as Message
    from tide_chat.types import Passage as Passage
    from tide_chat.types import Released as Released
    from tide_chat.types import Replied as Replied
    from tide_chat.types import Reply as Reply
    from tide_chat.types import Retracted as Retracted
    from tide_chat.types import Retrieved as Retrieved
    from tide_chat.types import Risk as Risk
    from tide_chat.types import Sampling as Sampling
    from tide_chat.types import Screened as Screened
    from tide_chat.types import Screening as Screening
    from tide_chat.types import TurnRecord as TurnRecord

_HOMES = {
    "Companion": "tide_chat.chat.companion",
    "Conversation": "tide_chat.chat.conversation",
    "Engine": "tide_chat.engine.protocol",
    "Guard": "tide_chat.safety.guard",
    "HelpLines": "tide_chat.safety.help_lines",
    "LlamaEngine": "tide_chat.engine.llama",
    "Screen": "tide_chat.safety.screen",
    "ScriptedEngine": "tide_chat.engine.scripted",
    "Settings": "tide_chat.settings",
    "TideError": "tide_chat.errors",
    **dict.fromkeys(
        (
            "CancelToken",
            "HelpOffered",
            "Message",
            "Passage",
            "Released",
            "Replied",
            "Reply",
            "Retracted",
            "Retrieved",
            "Risk",
            "Sampling",
            "Screened",
            "Screening",
            "TurnRecord",
        ),
        "tide_chat.types",
    ),
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        from importlib import import_module

        return getattr(import_module(home), name)
    raise AttributeError(f"module 'tide_chat' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
