"""The values that flow through a chat turn.

Pure, frozen data without behaviour beyond a derived property or two.
Nothing here reads a file, imports a heavy library or knows how a value is made or shown.
Offsets are Unicode code points into the text as the person typed it; times are milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, TypeAlias

__all__ = [
    "CancelToken",
    "Category",
    "EngineEvent",
    "Event",
    "Finding",
    "Finished",
    "FinishReason",
    "GuardAct",
    "GuardFinding",
    "GuardVerdict",
    "HelpOffered",
    "Message",
    "Notice",
    "Outcome",
    "Passage",
    "Released",
    "Replied",
    "Reply",
    "Retracted",
    "Retrieved",
    "Risk",
    "Role",
    "Sampling",
    "Screened",
    "Screening",
    "Sign",
    "Subject",
    "Token",
    "TurnRecord",
    "Usage",
]

Role: TypeAlias = Literal["system", "user", "assistant"]
Subject: TypeAlias = Literal["self", "other", "unknown"]
FinishReason: TypeAlias = Literal["stop", "length", "cancelled"]

Category: TypeAlias = Literal[
    "suicide",
    "self_harm",
    "harm_to_others",
    "abuse_ongoing",
    "child_safety",
    "medical_emergency",
    "dissociation",
    "psychosis",
    "substance",
    "eating",
    "panic",
    "sexual_violence",
    "grief",
    "trauma_disclosure",
]

Sign: TypeAlias = Literal[
    "explained", "denied", "reached", "calm", "taken", "minor", "affirmed", "negated"
]
"""What a message says beside its risk: an earlier alarm was a misunderstanding; it is waved away;
somebody was reached; a calm that may be a decision; something was already taken; the person says
that they are under eighteen; a short yes or no, that means something only after a question."""

GuardAct: TypeAlias = Literal[
    "method",
    "endorse",
    "minimise",
    "blame",
    "diagnose",
    "medication",
    "secrecy",
    "monitoring",
    "humanity",
    "shared_past",
    "isolate",
    "unearned_safety",
    "phone_number",
    "leak",
    "third_person",
    "overlong",
    "link",
    "graphic",
    "advice_rush",
    "stigma",
    "force_promise",
    "mind_read",
    "pressure",
]

Outcome: TypeAlias = Literal[
    "model", "repaired", "replaced", "care", "crisis", "disclosure", "fallback", "cancelled"
]
"""How a reply came to be: the model's own words; the model's second try after a retraction; the
policy's fixed text in place of a withheld reply; the fixed question at moderate risk or fixed words
within an episode, or the fixed crisis text at high and imminent risk (the model was not asked for
any of them); the fixed answer to
whether this is a person; the fixed text after a failure; or broken off by the person."""


class Risk(IntEnum):
    """The five levels of the policy's label rules, in rising order."""

    NONE = 0
    LOW = 1
    MODERATE = 2
    HIGH = 3
    IMMINENT = 4

    @property
    def label(self) -> str:
        """The level as files and JSON spell it, for example `moderate`."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Risk:
        """Return the level a label names; raises `KeyError` for any other word."""
        return cls[label.upper()]


class CancelToken:
    """A switch that one thread throws and others look at; thrown once, it stays thrown."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Ask for an end; safe from any thread, any number of times."""
        with self._lock:
            self._event.set()
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    @property
    def cancelled(self) -> bool:
        """Whether an end was asked for."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for an end to be asked for, at most `seconds`; return whether it was."""
        return self._event.wait(seconds)

    @contextmanager
    def calling(self, listener: Callable[[], None]) -> Iterator[None]:
        """Have `listener` called, at most once, if the switch is thrown inside the block.

        It runs on the thread that throws the switch, and must not block.
        """
        with self._lock:
            thrown = self._event.is_set()
            if not thrown:
                self._listeners.append(listener)
        if thrown:
            listener()
        try:
            yield
        finally:
            with self._lock, suppress(ValueError):
                self._listeners.remove(listener)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation as the model sees it."""

    role: Role
    content: str


# --- safety -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for a risk level. Holds where, never what: no user text."""

    rule: str
    category: Category
    risk: Risk
    start: int
    """First code point of the evidence in the original text of its turn."""
    end: int
    """One past the last code point of the evidence."""
    subject: Subject = "self"
    turn: int = 0
    """Which of the screened turns, counted from 0."""


@dataclass(frozen=True, slots=True)
class Screening:
    """What the safety layer made of one message, or of several turns together."""

    risk: Risk
    categories: tuple[Category, ...] = ()
    """Most severe first, without repeats."""
    findings: tuple[Finding, ...] = ()
    score: float = 0.0
    """0 to 1, rising with risk. An ordinal score, not a probability."""
    policy: str = ""
    """Version of the policy files that judged."""
    signs: tuple[Sign, ...] = ()
    """What the newest turn says about an earlier alarm; see `Sign`."""

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that fired, without repeats, in order of severity."""
        return tuple(dict.fromkeys(finding.rule for finding in self.findings))


@dataclass(frozen=True, slots=True)
class GuardFinding:
    """One reason to withhold a reply; offsets point into the reply."""

    rule: str
    act: GuardAct
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """Whether a whole candidate reply may be shown."""

    allowed: bool
    findings: tuple[GuardFinding, ...] = ()


# --- retrieval --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Passage:
    """A reference exchange that resembles the newest message."""

    id: str
    persona: str
    client: str
    reply: str
    score: float
    """Cosine similarity between the message and `client`, -1 to 1."""


# --- engine -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. The defaults suit short, warm replies of small models."""

    max_tokens: int = 160
    temperature: float = 0.7
    """0 draws the most likely token each time."""
    min_p: float = 0.05
    """Tokens less likely than this share of the likeliest are never drawn (arXiv 2407.01082)."""
    repeat_penalty: float = 1.1
    repeat_window: int = 96
    """How many of the last tokens the repeat penalty looks at."""
    seed: int = 0
    stop: tuple[str, ...] = ()
    """Texts that end the reply; they are not part of it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer cost."""

    prompt_tokens: int = 0
    """Tokens of the whole prompt."""
    reused_tokens: int = 0
    """How many of them were still in the model's cache and not evaluated again."""
    completion_tokens: int = 0
    prompt_ms: float = 0.0
    completion_ms: float = 0.0

    @property
    def evaluated_tokens(self) -> int:
        """Prompt tokens that had to be evaluated this time."""
        return self.prompt_tokens - self.reused_tokens


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the reply: valid text, never half a character."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every stream."""

    reason: FinishReason
    usage: Usage = field(default_factory=Usage)


EngineEvent: TypeAlias = Token | Finished


# --- the turn ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """The whole trace of one turn: the object the scorer reads and `ask --json` prints.

    Holds no words of the person and none of the reply.
    """

    outcome: Outcome
    screening: Screening
    passages: tuple[tuple[str, float], ...] = ()
    """Id and cosine of each passage that was laid before the model."""
    stance: str | None = None
    """Id of the stance the message was heard with; none when nothing came near enough."""
    usage: Usage = field(default_factory=Usage)
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds by stage: screen, retrieve, first_token, first_words, total."""
    guard: tuple[GuardFinding, ...] = ()
    """Every finding of the guard in this turn, those of a repaired first try included."""
    failed: tuple[str, ...] = ()
    """Stages that raised: screen, retrieve, engine, guard."""
    finish: FinishReason | None = None
    seed: int | None = None
    trimmed_turns: int = 0
    """How many of the oldest turns the prompt had to leave out."""
    help_lines: tuple[str, ...] = ()
    """Ids of the help lines the reply named."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the package, the policy, the voice, the model and the encoder."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the companion answers. The safety outcome is part of it: text cannot be had without."""

    text: str
    outcome: Outcome
    risk: Risk
    record: TurnRecord


@dataclass(frozen=True, slots=True)
class Screened:
    """The message was read by the safety layer."""

    screening: Screening


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Reference passages were found; an empty tuple says that none came near enough."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class HelpOffered:
    """Fixed text of the policy to set apart from the reply, with the help lines it names."""

    text: str
    help_lines: tuple[str, ...]
    """Ids of the lines, for whoever wants to show them large."""
    risk: Risk
    whole_reply: bool
    """True when this text is the reply and no model was asked."""


@dataclass(frozen=True, slots=True)
class Released:
    """Words that passed the guard and may be shown; append them to what stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Retracted:
    """What stands must go; show `replacement` in its place (it may be empty: more follows)."""

    replacement: str
    findings: tuple[GuardFinding, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence the law wants said from time to time; not part of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Replied:
    """The last event of every turn."""

    reply: Reply


Event: TypeAlias = Screened | Retrieved | HelpOffered | Notice | Released | Retracted | Replied
