"""Lays messages out as the model's own chat template wants them.

The template comes from the model file. Messages are put in as placeholders and filled in after
rendering, so that what a person typed is never read as template or as control token: a message
that says `<|im_end|>` is only those characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tide_chat.errors import EngineError
from tide_chat.types import Message

__all__ = ["ChatLayout", "Part"]

_MARK = re.compile("\ue000([0-9]+)\ue001")

_PLAIN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML, for a model file without a template."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the prompt: template text, or the content of one message."""

    text: str
    message: int | None = None
    """Index of the message whose content this is; none for text of the template."""


class ChatLayout:
    """Turns messages into parts."""

    def __init__(self, template: str | None, *, begin_text: str, end_text: str) -> None:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        self._format: Any = Jinja2ChatFormatter(
            template or _PLAIN_TEMPLATE, eos_token=end_text, bos_token=begin_text
        )

    def parts(self, messages: Sequence[Message]) -> list[Part]:
        """Return the prompt for these messages, ready for the reply to begin.

        Raises:
            EngineError: the model's template refuses the order of roles.
        """
        from jinja2 import TemplateError

        marked = [
            {"role": message.role, "content": f"\ue000{index}\ue001"}
            for index, message in enumerate(messages)
        ]
        try:
            rendered: str = self._format(messages=marked).prompt
        except (TemplateError, ValueError) as error:
            raise EngineError(
                f"The model's chat template refuses this conversation ({type(error).__name__})."
            ) from error
        parts: list[Part] = []
        position = 0
        for match in _MARK.finditer(rendered):
            if match.start() > position:
                parts.append(Part(rendered[position : match.start()]))
            index = int(match.group(1))
            parts.append(Part(messages[index].content, index))
            position = match.end()
        if position < len(rendered):
            parts.append(Part(rendered[position:]))
        return parts
