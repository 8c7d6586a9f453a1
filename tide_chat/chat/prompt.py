"""Lays a conversation before the model, append-only.

Constant text first (voice and examples), then the turns exactly as they were laid out before, then
the newest message with its notes in front of it. Consecutive prompts therefore share everything
but their end, and the model's cache is reused. When the context is full, whole old turns are
dropped, several at once and rarely, because each drop makes the model read the rest again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tide_chat.chat.stance import Language, Stance
from tide_chat.chat.voice import Example, Voice
from tide_chat.types import Message, Passage

__all__ = ["PROMPT_VERSION", "QUOTED_FROM", "Draft", "History", "notes", "opening", "prefix"]

PROMPT_VERSION = "1"
"""Rises with every change of layout; part of each record and of a scoring run's identity."""

QUOTED_FROM = 0.45
"""Cosine from which the nearest passage is quoted. Passages are very personal; a loose match would
lend the model somebody else's details."""

_PLAIN = "[answer plainly]"
_KEEP = 0.5
"""Share of the room for turns that is kept when old turns are dropped."""


def prefix(voice: Voice) -> tuple[Message, ...]:
    """Return the messages every prompt of a voice begins with."""
    messages = [Message("system", voice.system.strip())]
    for example in voice.example:
        messages.append(Message("user", f"{_example_notes(example)}\n{example.client}"))
        messages.append(Message("assistant", example.reply))
    return tuple(messages)


def _example_notes(example: Example) -> str:
    if not example.feeling:
        return _PLAIN
    return _bracket(example.feeling, example.why, example.ask)


def _bracket(feeling: str, why: str, ask: str) -> str:
    parts = [f"feeling: {feeling}", f"why: {why}"]
    if ask:
        parts.append(f"ask: {ask}")
    return "[" + " | ".join(parts) + "]"


def notes(
    stance: Stance | None, passages: Sequence[Passage], language: Language, *, quote: bool
) -> str:
    """Return what is laid in front of a message.

    Args:
        stance: How the message was heard; none, or a plain one, asks for a plain answer.
        passages: Reference exchanges that resemble the message, nearest first.
        language: Language of the notes.
        quote: Whether the nearest passage's reply is quoted as an example of tone.
    """
    if stance is None or stance.plain:
        return _PLAIN
    wording = stance.wording(language)
    lines = [_bracket(wording.feeling, wording.why, wording.ask)]
    if quote and passages and passages[0].score >= QUOTED_FROM:
        lines.insert(0, f"[a reply to someone else: {passages[0].reply}]")
    return "\n".join(lines)


def opening(
    voice: Voice, stance: Stance | None, language: Language, *, turn: int, previous: str
) -> str:
    """Return the words the reply begins with, or none where it is better left to the model.

    A question to the companion is answered in its own way; everything else opens with one of the
    voice's stems in turn, never one that the reply before began with.
    """
    if stance is None or stance.plain:
        return ""
    stems = voice.stems_es if language == "es" else voice.stems
    chosen = stems[turn % len(stems)]
    if previous.startswith(chosen):
        chosen = stems[(turn + 1) % len(stems)]
    return chosen


@dataclass(frozen=True, slots=True)
class Draft:
    """A prompt ready for the engine."""

    messages: tuple[Message, ...]
    dropped: int
    """Turns left out because the context is full."""


@dataclass(slots=True)
class History:
    """The turns so far, as the model saw them. Lives in memory only."""

    voice: Voice
    turns: list[tuple[str, str]] = field(default_factory=list)
    """What was laid before the model and what was shown, oldest first."""
    dropped: int = 0

    def add(self, laid_out: str, shown: str) -> None:
        """Append a finished turn."""
        self.turns.append((laid_out, shown))

    def draft(
        self, newest: str, begun: str, *, room: int, count: Callable[[Sequence[Message]], int]
    ) -> Draft:
        """Return the prompt for the newest message, forgetting old turns if it does not fit.

        Args:
            newest: The message with its notes.
            begun: The first words of the reply, or empty.
            room: Tokens the prompt may have.
            count: Counts the tokens of messages, as the engine does.
        """
        messages = self._messages(newest, begun)
        if self.turns and count(messages) > room:
            fixed = count(prefix(self.voice))
            target = fixed + int((room - fixed) * _KEEP)
            while self.turns and count(messages) > target:
                del self.turns[0]
                self.dropped += 1
                messages = self._messages(newest, begun)
        return Draft(messages, self.dropped)

    def _messages(self, newest: str, begun: str) -> tuple[Message, ...]:
        messages = list(prefix(self.voice))
        for laid_out, shown in self.turns:
            messages += [Message("user", laid_out), Message("assistant", shown)]
        messages.append(Message("user", newest))
        if begun:
            messages.append(Message("assistant", begun))
        return tuple(messages)
