"""Whether someone asks what they are talking to: that is answered by fixed text, never by a model.

Several laws oblige such software to say on request that it is not human, and a small model may say
otherwise. Only short messages that ask nothing else are taken.
"""

from __future__ import annotations

import re

__all__ = ["asks_what_this_is"]

_LONGEST = 12
"""Words of a message that can be the question alone."""

_WHAT = (
    r"(?:a |an |the )?(?:real |actual |living )*"
    r"(?:human(?: being)?|persons?|people|bot|chat ?bot|robot|machine|computer|program|software|ai|"
    r"a\.i\.|real|man|woman|therapist|doctor|someone)"
)
_QUESTION = re.compile(
    rf"\b(?:are|r) (?:you|u) (?:even |actually |really |just |only )*{_WHAT}\b"
    rf"|\bam i (?:even |actually |really )*(?:talk|speak|writ|typ)ing (?:to|with) {_WHAT}\b"
    rf"|\bis (?:this|there) (?:even |actually |really |just )*{_WHAT}\b"
    r"|\bis (?:there )?any(?:one|body) (?:even |actually |really )*(?:there|real)\b"
    r"|\bwh?at are (?:you|u)\s*\??$|\bwho are you\s*\??$"
    r"|\beres (?:una? )?(?:persona|humano|humana|real|maquina|máquina|bot|robot|programa|ia)\b"
    r"|\b(?:hablo|estoy hablando) con (?:una? )?(?:persona|humano|maquina|máquina|bot|robot)\b"
    r"|\b(?:qué|que|quién|quien) eres\s*\??$",
    re.IGNORECASE,
)


def asks_what_this_is(text: str) -> bool:
    """Return whether a message asks whether this is a person or a program."""
    return len(text.split()) <= _LONGEST and _QUESTION.search(text) is not None
