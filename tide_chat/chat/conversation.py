"""One conversation, turn by turn: screen, recall, prompt, engine, shape, guard.

The order is the promise. The message is screened before anything else sees it; at moderate risk
and above the policy's fixed text answers and no model is asked; the model's words reach the person
sentence by sentence after the guard has passed them; whatever fails is answered with fixed text
and help lines. Nothing here writes to disk or logs what was said.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from tide_chat.chat.episode import Course, Episode
from tide_chat.chat.identity import asks_what_this_is
from tide_chat.chat.prompt import History, notes, opening
from tide_chat.chat.shape import Shaper
from tide_chat.chat.stance import Language, language_of
from tide_chat.chat.tiers import Offered
from tide_chat.chat.turn import Attempt, StageFailed, Turn, stage
from tide_chat.engine.protocol import Engine
from tide_chat.safety.responses import EpisodeName
from tide_chat.types import (
    CancelToken,
    Event,
    Finished,
    HelpOffered,
    Message,
    Notice,
    Outcome,
    Released,
    Replied,
    Reply,
    Retracted,
    Retrieved,
    Risk,
    Sampling,
    Screened,
    Screening,
    TurnRecord,
)

if TYPE_CHECKING:
    from tide_chat.chat.companion import Companion

__all__ = ["Conversation"]

_TRIES = 2
"""The model may try a withheld reply once more; then the policy's fixed text stands."""

_EPISODE_TEXTS: dict[Course, EpisodeName] = {
    "repeat": "repeat",
    "explained": "explained",
    "denied": "denied",
    "reached": "reached",
    "calm": "calm",
    "follow_up": "follow_up",
}

_NOTICE_SECONDS = 3 * 3600.0

_HEARD_TOGETHER = 4
"""Messages that are screened together: a danger that builds up is spread over a few of them."""

_LONGEST_MESSAGE = 6000
"""Characters of a message that are laid before the model; all of it is screened."""


class Conversation:
    """A conversation in memory. Used by one thread at a time.

    Made by `Companion.conversation`.
    """

    def __init__(
        self,
        companion: Companion,
        *,
        country: str | None = None,
        language: Language = "en",
        seed: int | None = None,
        exclude_personas: Collection[str] = (),
    ) -> None:
        self._companion = companion
        self._country = country
        self._language = language
        self._seed = secrets.randbits(31) if seed is None else seed
        self._exclude = frozenset(exclude_personas)
        self._history = History(companion.voice)
        self._last_shown = ""
        self._count = 0
        self._episode = Episode()
        self._noticed = time.monotonic()
        self._heard: list[str] = []
        """The newest messages, which are screened together with the next one."""
        self._joint = Risk.NONE
        """The level of those messages taken together."""

    def ask(self, text: str, cancel: CancelToken | None = None) -> Reply:
        """Return the reply to a message, whole."""
        for event in self.stream(text, cancel):
            if isinstance(event, Replied):
                return event.reply
        raise AssertionError("a turn always ends with Replied")

    def stream(self, text: str, cancel: CancelToken | None = None) -> Iterator[Event]:
        """Yield the events of one turn; the last is always `Replied`.

        Never raises for anything a message, a model or a file does: a failure is answered with the
        policy's fixed text and named in the record.
        """
        turn = Turn(seed=self._seed_of(self._count, 0))
        language = language_of(text, self._language)
        self._count += 1
        try:
            with stage("screen"):
                heard = self._episode.hear(self._screened(text))
                turn.screening, course = heard.screening, heard.course
        except StageFailed as failure:
            turn.failed.append(failure.stage)
            yield from self._fall_back(turn, language)
            return
        turn.mark("screen")
        yield Screened(turn.screening)
        if course not in {"open", "follow_up"}:
            yield from self._fixed(turn, course, text, language)
            return
        yield from self._notice(language)
        if not text.strip():
            text_of = self._companion.responses.fallback("empty_message", language)
            yield Released(text_of)
            yield self._replied(turn, "fallback", text_of)
            return
        if asks_what_this_is(text):
            answer = self._companion.responses.are_you_human(language)
            self._remember(text, answer)
            yield Released(answer)
            yield self._replied(turn, "disclosure", answer)
            return
        if course == "follow_up":
            yield from self._follow_up(turn, language)
        yield from self._model_turn(turn, text, language, cancel)

    def misunderstood(self) -> None:
        """Take back an alarm: the person says that they were misunderstood."""
        self._episode.misunderstood()
        self._heard.clear()
        self._joint = Risk.NONE

    def _screened(self, text: str) -> Screening:
        """Screen a message alone and after the newest ones; the graver of the two counts.

        Together they count only where they say more than they said before this message, so that
        one grave message is not answered again at every turn that follows it.
        """
        screen = self._companion.screen
        alone = screen.screen(text)
        before, self._heard = self._heard, [*self._heard, text][-_HEARD_TOGETHER:]
        if not before or "explained" in alone.signs:
            self._joint = alone.risk
            return alone
        together = screen.screen([*before, text])
        grown = together.risk > max(self._joint, alone.risk, self._episode.level)
        self._joint = together.risk
        return together if grown else alone

    # --- the fixed answers -----------------------------------------------------------------

    def _fixed(self, turn: Turn, course: Course, text: str, language: Language) -> Iterator[Event]:
        companion = self._companion
        try:
            with stage("policy"):
                offered = self._offered(turn.screening, course, language)
        except StageFailed as failure:
            turn.failed.append(failure.stage)
            yield from self._fall_back(turn, language)
            return
        turn.help_lines = offered.help_lines
        voice = companion.voice
        stand_in = voice.after_crisis_es if language == "es" else voice.after_crisis
        crisis = course in {"crisis", "repeat"}
        self._history.add(
            text[:_LONGEST_MESSAGE], stand_in if crisis or course == "care" else offered.text
        )
        turn.mark("first_words")
        yield HelpOffered(offered.text, offered.help_lines, turn.screening.risk, whole_reply=True)
        if offered.help_lines:
            self._count_referral()
        yield self._replied(turn, "crisis" if crisis else "care", offered.text)

    def _offered(self, screening: Screening, course: Course, language: Language) -> Offered:
        fixed, country = self._companion.fixed, self._country
        if course == "crisis" or course == "care":
            return fixed.answer(screening, course, country, language)
        name = _EPISODE_TEXTS[course]
        if course == "repeat" and self._episode.repeated % 2 == 0:
            name = "repeat_again"
        return fixed.episode(name, screening, country, language)

    def _notice(self, language: Language) -> Iterator[Event]:
        """Say every three hours what this is, as New York's General Business Law 1702 wants it."""
        now = time.monotonic()
        if now - self._noticed >= _NOTICE_SECONDS:
            self._noticed = now
            yield Notice(self._companion.responses.new_york(language))

    def _count_referral(self) -> None:
        referrals = self._companion.referrals
        if referrals is not None:
            # A count that cannot be kept must not stand between a person and a help line.
            with suppress(OSError):
                referrals.add()

    def _follow_up(self, turn: Turn, language: Language) -> Iterator[Event]:
        try:
            with stage("policy"):
                offered = self._offered(turn.screening, "follow_up", language)
        except StageFailed as failure:
            turn.failed.append(failure.stage)
            return
        yield HelpOffered(offered.text, offered.help_lines, turn.screening.risk, whole_reply=False)

    def _fall_back(self, turn: Turn, language: Language) -> Iterator[Event]:
        failed = turn.failed[-1]
        offered = self._companion.fixed.fallback(failed, self._country, language)
        turn.help_lines = offered.help_lines
        turn.mark("first_words")
        yield HelpOffered(offered.text, offered.help_lines, turn.screening.risk, whole_reply=True)
        yield self._replied(turn, "fallback", offered.text)

    # --- the model's answer ----------------------------------------------------------------

    def _model_turn(
        self, turn: Turn, text: str, language: Language, cancel: CancelToken | None
    ) -> Iterator[Event]:
        companion = self._companion
        if companion.recall is not None:
            try:
                with stage("retrieve"):
                    turn.recalled = companion.recall.bring_up(text, self._exclude)
            except StageFailed as failure:
                # Without passages the turn goes on; the record says so.
                turn.failed.append(failure.stage)
            turn.mark("retrieve")
            yield Retrieved(turn.recalled.passages)
        stance, passages = turn.recalled.stance, turn.recalled.passages
        laid_out = text[:_LONGEST_MESSAGE]
        if companion.recall is not None:
            quote = companion.quote_passages
            laid_out = f"{notes(stance, passages, language, quote=quote)}\n{laid_out}"
        begun = opening(
            companion.voice,
            stance,
            language,
            turn=self._seed + self._count,
            previous=self._last_shown,
        )
        for number in range(_TRIES):
            attempt = Attempt()
            try:
                yield from self._attempt(turn, attempt, number, text, laid_out, begun, cancel)
            except StageFailed as failure:
                turn.failed.append(failure.stage)
                if attempt.shown:
                    yield Retracted("", ())
                yield from self._fall_back(turn, language)
                return
            if turn.finish == "cancelled":
                yield from self._cancelled(turn, attempt, laid_out)
                return
            if attempt.shown and not attempt.blocked:
                self._remember(laid_out, attempt.shown)
                yield self._replied(turn, "model" if number == 0 else "repaired", attempt.shown)
                return
            if attempt.shown:
                yield Retracted("", tuple(turn.guard))
        text_of = companion.responses.fallback("guard_replaced", language)
        self._remember(laid_out, text_of)
        yield Retracted(text_of, tuple(turn.guard))
        yield self._replied(turn, "replaced", text_of)

    def _attempt(
        self,
        turn: Turn,
        attempt: Attempt,
        number: int,
        text: str,
        laid_out: str,
        begun: str,
        cancel: CancelToken | None,
    ) -> Iterator[Event]:
        companion = self._companion
        engine = companion.engine
        if engine is None:
            raise StageFailed("engine")
        sampling = companion.sampling_for(self._seed_of(self._count - 1, number))
        with stage("engine"):
            if not companion.wait(cancel):
                turn.finish = "cancelled"
                return
            draft = self._history.draft(
                laid_out,
                begun,
                room=engine.context_tokens - sampling.max_tokens,
                count=engine.count_tokens,
            )
        turn.dropped = draft.dropped
        with stage("guard"):
            watch = companion.guard.watch(text)
        shaper = Shaper(text, [passage.reply for passage in turn.recalled.passages])
        enough = CancelToken()
        for piece in self._pieces(turn, engine, draft.messages, sampling, begun, enough, cancel):
            with stage("guard"):
                shown = watch.feed(shaper.feed(piece))
            if shown:
                attempt.shown += shown
                turn.mark("first_words")
                yield Released(shown)
            if watch.blocked or shaper.done:
                enough.cancel()
        if turn.finish != "cancelled":
            with stage("guard"):
                rest = watch.feed(shaper.finish()) + watch.finish()
            if rest:
                attempt.shown += rest
                turn.mark("first_words")
                yield Released(rest)
        attempt.blocked = watch.blocked
        turn.guard.extend(watch.findings)

    def _pieces(
        self,
        turn: Turn,
        engine: Engine,
        messages: tuple[Message, ...],
        sampling: Sampling,
        begun: str,
        enough: CancelToken,
        cancel: CancelToken | None,
    ) -> Iterator[str]:
        """Yield the reply's text; note what it cost and how it ended."""
        yield begun
        with (cancel or CancelToken()).calling(enough.cancel):
            with stage("engine"):
                events = engine.stream(messages, sampling, enough)
            while True:
                with stage("engine"):
                    event = next(events, None)
                if event is None:
                    return
                if isinstance(event, Finished):
                    stopped = cancel is not None and cancel.cancelled
                    turn.usage = event.usage
                    broken_off = event.reason == "cancelled" and not stopped
                    turn.finish = "stop" if broken_off else event.reason
                else:
                    turn.mark("first_token")
                    yield event.text

    def _cancelled(self, turn: Turn, attempt: Attempt, laid_out: str) -> Iterator[Event]:
        if attempt.shown:
            self._remember(laid_out, attempt.shown)
        yield self._replied(turn, "cancelled", attempt.shown)

    # --- the end of a turn -----------------------------------------------------------------

    def _remember(self, laid_out: str, shown: str) -> None:
        self._history.add(laid_out, shown)
        self._last_shown = shown

    def _replied(self, turn: Turn, outcome: Outcome, text: str) -> Replied:
        turn.mark("total")
        asked = turn.usage.prompt_tokens > 0
        stance = turn.recalled.stance
        record = TurnRecord(
            outcome=outcome,
            screening=turn.screening,
            passages=tuple((p.id, round(p.score, 4)) for p in turn.recalled.passages),
            stance=stance.id if stance else None,
            usage=turn.usage,
            timings=turn.timings,
            guard=tuple(turn.guard),
            failed=tuple(turn.failed),
            finish=turn.finish,
            seed=turn.seed if asked else None,
            trimmed_turns=turn.dropped,
            help_lines=turn.help_lines,
            versions=self._companion.versions,
        )
        return Replied(Reply(text, outcome, turn.screening.risk, record))

    def _seed_of(self, turn: int, attempt: int) -> int:
        raw = hashlib.sha256(f"{self._seed}:{turn}:{attempt}".encode()).digest()
        return int.from_bytes(raw[:4], "big") & 0x7FFFFFFF
