"""Runs a suite: each case once, in any order, with a seed of its own."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tide_chat.chat.companion import Companion
from tide_chat.engine.protocol import Engine
from tide_chat.errors import TideError
from tide_chat.records import record_json
from tide_chat.scoring.log import open_log
from tide_chat.scoring.suite import Case, Suite
from tide_chat.types import Finished, Message, Sampling, Token

__all__ = [
    "BARE_SYSTEM",
    "BARE_VERSION",
    "Advance",
    "BareReplier",
    "CompanionReplier",
    "Replier",
    "case_seed",
    "run",
]

BARE_SYSTEM = "You are a supportive companion for people with PTSD. Reply with empathy."
"""The one plain instruction of the zero-shot baseline."""

BARE_VERSION = f"bare-{hashlib.sha256(BARE_SYSTEM.encode()).hexdigest()[:12]}"
"""Changes with the instruction, so that two baselines are never mixed in one log."""


class Replier(Protocol):
    """Answers a case."""

    def reply(self, case: Case, seed: int) -> dict[str, Any]:
        """Return the sample's own part: `reply` and what is known of how it came about.

        Raises:
            TideError: the case could not be answered; it becomes a sample with an error.
        """
        ...


@dataclass(frozen=True, slots=True)
class CompanionReplier:
    """The whole companion, one fresh conversation a case."""

    companion: Companion

    def reply(self, case: Case, seed: int) -> dict[str, Any]:
        """Answer as the chat would, with the case's own persona kept out of the references.

        A turn in which any part failed is an error, even where the chat went on without that part:
        what it shows is not what the specification says.
        """
        conversation = self.companion.conversation(seed=seed, exclude_personas={case.persona})
        reply = conversation.ask(case.user)
        sample = {"reply": reply.text, **record_json(reply.record)}
        failed = reply.record.failed
        if failed or reply.outcome == "fallback":
            kind = "fallback" if reply.outcome == "fallback" else "degraded"
            sample["error"] = {"stage": failed[-1] if failed else "input", "type": kind}
        return sample


@dataclass(frozen=True, slots=True)
class BareReplier:
    """The model with one plain system prompt: no retrieval, no guard, no shaping."""

    engine: Engine
    sampling: Sampling

    def reply(self, case: Case, seed: int) -> dict[str, Any]:
        """Answer with nothing but the model."""
        messages = (Message("system", BARE_SYSTEM), Message("user", case.user))
        sampling = Sampling(
            max_tokens=self.sampling.max_tokens,
            temperature=self.sampling.temperature,
            min_p=self.sampling.min_p,
            repeat_penalty=self.sampling.repeat_penalty,
            seed=seed,
        )
        text = ""
        sample: dict[str, Any] = {"outcome": "bare"}
        for event in self.engine.stream(messages, sampling):
            match event:
                case Token(piece):
                    text += piece
                case Finished(reason, usage):
                    sample["finish"] = reason
                    sample["usage"] = {
                        "prompt_tokens": usage.prompt_tokens,
                        "reused_tokens": usage.reused_tokens,
                        "evaluated_tokens": usage.evaluated_tokens,
                        "completion_tokens": usage.completion_tokens,
                        "prompt_ms": round(usage.prompt_ms, 3),
                        "completion_ms": round(usage.completion_ms, 3),
                    }
        return {"reply": text.strip(), **sample}


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a run is."""

    done: int
    total: int
    seconds_left: float | None
    """None before the first case of this process is finished."""

    @property
    def rate(self) -> float | None:
        """Cases a second in this process; None where it is not known."""
        return (self.total - self.done) / self.seconds_left if self.seconds_left else None


def case_seed(run_seed: int, case_id: str) -> int:
    """Return a case's seed: the same whatever the order, the shard or the resumption."""
    digest = hashlib.sha256(f"{run_seed}:{case_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


def run(
    suite: Suite,
    replier: Replier,
    out: Path,
    spec: dict[str, Any],
    *,
    seed: int = 0,
    retry_errors: bool = False,
    advance: Callable[[Advance], None] | None = None,
) -> int:
    """Run every case that the log does not hold yet; return how many samples ended in an error.

    An interruption of any kind leaves a log that the same call goes on with.

    Raises:
        UserError: the log belongs to another run, is in use, or cannot be written.
    """
    errors = 0
    with open_log(out, spec, retry_errors=retry_errors) as log:
        waiting = [case for case in suite.cases if case.case_id not in log.done]
        total, started = len(suite.cases), time.monotonic()
        for number, case in enumerate(waiting):
            if advance is not None:
                spent = time.monotonic() - started
                left = spent / number * (len(waiting) - number) if number else None
                advance(Advance(total - len(waiting) + number, total, left))
            sample = _sample(replier, case, case_seed(seed, case.case_id))
            errors += sample["error"] is not None
            log.add(sample)
        if advance is not None:
            advance(Advance(total, total, 0.0))
    return errors


def _sample(replier: Replier, case: Case, seed: int) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "case_id": case.case_id,
        "persona": case.persona,
        "scenario": case.scenario,
        "user": case.user,
        "reference": case.reference,
        "reply": None,
        "error": None,
    }
    try:
        sample.update(replier.reply(case, seed))
    except TideError as error:
        sample["error"] = {"stage": "engine", "type": type(error).__name__}
    return {**sample, "seed": seed}
