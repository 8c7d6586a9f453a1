"""Answers through llama.cpp, keeping what it already evaluated.

Consecutive prompts of a conversation share their beginning. The engine remembers which tokens lie
in the model's cache, finds how far a new prompt agrees with them, and evaluates only the rest. A
stream that is broken off, at any moment, leaves the cache as if the broken part had never been.

The engine holds no files, logs nothing of the conversation and writes nothing to disk.
"""

from __future__ import annotations

import codecs
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tide_chat.errors import ContextOverflow, EngineBusy, EngineError, MissingPrerequisite
from tide_chat.types import (
    CancelToken,
    EngineEvent,
    Finished,
    FinishReason,
    Message,
    Sampling,
    Token,
    Usage,
)

if TYPE_CHECKING:
    from tide_chat.engine.native import NativeContext

__all__ = ["LlamaEngine", "usable_threads"]

_KEPT_REPLIES = 64
"""How many of its own replies the engine remembers as the tokens it drew."""


def usable_threads() -> int:
    """Return how many physical cores this process may run on; hyper-threads slow llama.cpp down."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        import psutil

        physical = psutil.cpu_count(logical=False)
    except ImportError:
        physical = None
    return max(1, min(allowed or 1, physical or allowed or 1))


class LlamaEngine:
    """One GGUF model, ready to answer; see `tide_chat.engine.protocol.Engine`."""

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        context_tokens: int = 4096,
        batch_tokens: int = 512,
        threads: int | None = None,
        gpu_layers: int = -1,
        cancel: CancelToken | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """Load a model file that the shelf has verified.

        Args:
            path: The GGUF file.
            name: Id for records; the file's stem if left out.
            context_tokens: Length of the context; never more than the model was trained for.
            batch_tokens: How many prompt tokens are evaluated at a time.
            threads: Threads to compute with; the usable physical cores if left out.
            gpu_layers: Layers for the GPU where the build supports one; -1 is all.
            cancel: Breaks off the load.
            progress: Called with the share loaded, 0 to 1.

        Raises:
            MissingPrerequisite: llama-cpp-python is not installed.
            EngineError: the file cannot be loaded, or the load was cancelled.
        """
        try:
            from tide_chat.engine.layout import ChatLayout
            from tide_chat.engine.native import Aborted, NativeContext
        except ImportError as error:
            raise MissingPrerequisite(
                "llama-cpp-python is not installed; run: pip install 'tide-chat[llama]'"
            ) from error
        try:
            self._native: NativeContext = NativeContext(
                path,
                context_tokens=context_tokens,
                batch_tokens=batch_tokens,
                threads=threads or usable_threads(),
                gpu_layers=gpu_layers,
                cancel=cancel,
                progress=progress,
            )
        except Aborted:
            raise EngineError("Loading the model was stopped.") from None
        self._name = name or path.stem
        self._layout = ChatLayout(
            self._native.chat_template,
            begin_text=self._native.begin_text,
            end_text=self._native.end_text,
        )
        self._cached: list[int] = []
        self._replies: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._in_use = threading.Lock()

    @property
    def name(self) -> str:
        """Id of the model."""
        return self._name

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and reply together, as the context was opened."""
        return self._native.context_tokens

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length of the prompt in tokens."""
        return len(self._prompt(messages))

    def forget(self) -> None:
        """Empty the cache and the remembered replies, as after opening."""
        with self._in_use:
            self._native.keep(0)
            self._cached.clear()
            self._replies.clear()

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, cancel: CancelToken | None = None
    ) -> Iterator[EngineEvent]:
        """Yield the reply; see `Engine.stream`."""
        if not self._in_use.acquire(blocking=False):
            raise EngineBusy("The model is already answering; wait for it or stop it first.")
        try:
            yield from self._answer(messages, sampling, cancel)
        finally:
            self._in_use.release()

    def close(self) -> None:
        """Free the model."""
        self._native.close()

    # --- one answer ------------------------------------------------------------------------

    def _answer(
        self, messages: Sequence[Message], sampling: Sampling, cancel: CancelToken | None
    ) -> Iterator[EngineEvent]:
        from tide_chat.engine.native import Aborted

        started = time.perf_counter()
        prompt = self._prompt(messages)
        if len(prompt) + sampling.max_tokens > self.context_tokens:
            raise ContextOverflow(
                f"The prompt has {len(prompt)} tokens; with a reply of {sampling.max_tokens} it "
                f"does not fit into {self.context_tokens}."
            )
        reused = self._rewind_to(prompt)
        with self._native.stoppable(cancel):
            try:
                self._evaluate_prompt(prompt, cancel)
            except Aborted:
                self._native.keep(len(self._cached))
                spent = (time.perf_counter() - started) * 1000
                usage = Usage(len(prompt), reused, 0, spent)
                yield Finished("cancelled", usage)
                return
            prompt_ms = (time.perf_counter() - started) * 1000
            draft = _Draft(sampling.stop)
            started = time.perf_counter()
            reason: FinishReason = "length"
            drawn: list[int] = []
            begun = self._begun(messages)
            try:
                with self._native.sampler(sampling) as chain:
                    while len(drawn) < sampling.max_tokens:
                        token = self._native.sample(chain)
                        if self._native.is_end(token):
                            reason = "stop"
                            break
                        drawn.append(token)
                        if text := draft.add(self._native.piece(token)):
                            yield Token(text)
                        if draft.stopped:
                            reason = "stop"
                            break
                        if cancel is not None and cancel.cancelled:
                            raise Aborted
                        self._native.evaluate([token])
                        self._cached.append(token)
            except Aborted:
                self._native.keep(len(self._cached))
                reason = "cancelled"
            finally:
                self._remember([*begun, *drawn])
            if reason != "cancelled" and (rest := draft.finish()):
                yield Token(rest)
            completion_ms = (time.perf_counter() - started) * 1000
            usage = Usage(len(prompt), reused, len(drawn), prompt_ms, completion_ms)
            yield Finished(reason, usage)

    def _rewind_to(self, prompt: list[int]) -> int:
        """Cut the cache back to what it shares with the prompt; return that length.

        The last token of the prompt is always evaluated, since the reply is drawn from it.
        """
        shared = 0
        for old, new in zip(self._cached, prompt[:-1], strict=False):
            if old != new:
                break
            shared += 1
        if shared < len(self._cached):
            # Recurrent models cannot cut back: there the whole prompt is evaluated anew.
            if not self._native.keep(shared):
                shared = 0
            del self._cached[shared:]
        return shared

    def _evaluate_prompt(self, prompt: list[int], cancel: CancelToken | None) -> None:
        from tide_chat.engine.native import Aborted

        size = self._native.batch_tokens
        while len(self._cached) < len(prompt):
            if cancel is not None and cancel.cancelled:
                raise Aborted
            batch = prompt[len(self._cached) : len(self._cached) + size]
            self._native.evaluate(batch)
            self._cached.extend(batch)

    # --- from messages to tokens -----------------------------------------------------------

    def _begun(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of a reply that the messages already begin."""
        if messages and messages[-1].role == "assistant":
            return self._native.tokenize(messages[-1].content, special=False)
        return []

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        if begun := self._begun(messages):
            return self._laid_out(messages[:-1]) + begun
        return self._laid_out(messages)

    def _laid_out(self, messages: Sequence[Message]) -> list[int]:
        tokens: list[int] = []
        for index, part in enumerate(self._layout.parts(messages)):
            if part.message is None:
                begin = self._native.begin_text
                start = index == 0 and not (begin and part.text.startswith(begin))
                tokens += self._native.tokenize(part.text, special=True, start=start)
            elif messages[part.message].role == "assistant":
                tokens += self._as_drawn(part.text)
            else:
                tokens += self._native.tokenize(part.text, special=False)
        return tokens

    def _remember(self, drawn: Sequence[int]) -> None:
        text = b"".join(map(self._native.piece, drawn)).decode("utf-8", errors="replace")
        self._replies[text] = tuple(drawn)
        self._replies.move_to_end(text)
        while len(self._replies) > _KEPT_REPLIES:
            self._replies.popitem(last=False)

    def _as_drawn(self, text: str) -> list[int]:
        """Return the tokens of a reply as they were drawn, so that the cache still matches.

        A model may draw tokens that tokenising the same text would not give; and the companion may
        have kept only the beginning of a reply.
        """
        for known, tokens in reversed(self._replies.items()):
            if known.startswith(text) and text:
                return self._beginning(tokens, text)
        return self._native.tokenize(text, special=False)

    def _beginning(self, tokens: Sequence[int], text: str) -> list[int]:
        wanted = text.encode("utf-8", errors="replace")
        kept: list[int] = []
        position = 0
        for token in tokens:
            piece = self._native.piece(token)
            if position + len(piece) > len(wanted) or not wanted.startswith(piece, position):
                break
            kept.append(token)
            position += len(piece)
        rest = wanted[position:].decode("utf-8", errors="ignore")
        return kept + (self._native.tokenize(rest, special=False) if rest else [])


class _Draft:
    """Turns token bytes into whole characters and watches for stop texts."""

    def __init__(self, stop: tuple[str, ...]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self.stopped = False

    def add(self, piece: bytes) -> str:
        """Take the bytes of one token; return the text that can be passed on."""
        self._held += self._decoder.decode(piece)
        for stop in self._stop:
            if (found := self._held.find(stop)) >= 0:
                self.stopped = True
                text, self._held = self._held[:found], ""
                return text
        keep = max((_overlap(self._held, stop) for stop in self._stop), default=0)
        cut = len(self._held) - keep
        text, self._held = self._held[:cut], self._held[cut:]
        return text

    def finish(self) -> str:
        """Return what was still held back."""
        text = "" if self.stopped else self._held + self._decoder.decode(b"", final=True)
        self._held = ""
        return text


def _overlap(text: str, stop: str) -> int:
    """Return how many of the last characters of `text` are a beginning of `stop`."""
    return next(
        (n for n in range(min(len(text), len(stop) - 1), 0, -1) if stop.startswith(text[-n:])), 0
    )
