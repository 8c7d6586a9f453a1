"""The few calls into llama.cpp the engine needs, with Python's manners.

Holds one model and one context with one sequence. It knows tokens and positions, not messages.
Not safe for two threads at once; `LlamaEngine` sees to that.

The high-level `llama_cpp.Llama` is not used: it redirects the process's file descriptors while it
loads, cannot be stopped inside a prompt, and detokenises the whole reply for every token.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp as c

from tide_chat.engine.logs import last_complaint, route_native_logs
from tide_chat.errors import EngineError
from tide_chat.types import CancelToken, Sampling

__all__ = ["Aborted", "NativeContext", "supports_gpu"]


class Aborted(Exception):
    """A load or an evaluation was broken off because it was asked to."""


class _AbortFlag:
    """Tells llama.cpp to stop, without Python in its inner loop.

    llama.cpp asks its abort callback before each of the several hundred operations of an
    evaluation. A Python callback would take the interpreter lock each time, and wait for it while
    the interface draws. The callback is therefore the C library's `strlen` over a two-byte buffer:
    an empty text has length 0, which reads as "go on"; a text of one character has length 1.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL("msvcrt") if sys.platform == "win32" else ctypes.CDLL(None)
        self._buffer = ctypes.create_string_buffer(2)
        self.callback = ctypes.cast(library.strlen, c.ggml_abort_callback)
        self.data = ctypes.cast(self._buffer, ctypes.c_void_p)

    def raise_it(self) -> None:
        self._buffer[0] = b"x"

    def lower(self) -> None:
        self._buffer[0] = b"\0"


def supports_gpu() -> bool:
    """Return whether this build of llama.cpp can put layers on a GPU."""
    return bool(c.llama_supports_gpu_offload())


class NativeContext:
    """One model file, loaded, with a context of one sequence."""

    def __init__(
        self,
        path: Path,
        *,
        context_tokens: int,
        batch_tokens: int,
        threads: int,
        gpu_layers: int,
        cancel: CancelToken | None = None,
        progress: Any = None,
    ) -> None:
        """Load a model; `progress` is called with 0..1 and may come from this thread only.

        Raises:
            Aborted: `cancel` was thrown while loading.
            EngineError: llama.cpp refused the file.
        """
        self._model: Any = None
        self._context: Any = None
        self._abort = _AbortFlag()
        route_native_logs()
        c.llama_backend_init()
        self._model = self._load(path, gpu_layers, cancel, progress)
        params = c.llama_context_default_params()
        params.n_ctx = context_tokens
        params.n_batch = batch_tokens
        params.n_ubatch = batch_tokens
        params.n_seq_max = 1
        params.n_threads = threads
        params.n_threads_batch = threads
        params.no_perf = True
        params.abort_callback = self._abort.callback
        params.abort_callback_data = self._abort.data
        self._context = c.llama_init_from_model(self._model, params)
        if not self._context:
            self.close()
            raise EngineError(f"There is not enough memory to open {path.name} for answering.")
        self._memory = c.llama_get_memory(self._context)
        self._vocab = c.llama_model_get_vocab(self._model)
        self._vocab_size = int(c.llama_vocab_n_tokens(self._vocab))
        self._pieces: dict[int, bytes] = {}
        self.batch_tokens = batch_tokens
        self.context_tokens = int(c.llama_n_ctx(self._context))

    def _load(self, path: Path, gpu_layers: int, cancel: CancelToken | None, progress: Any) -> Any:
        params = c.llama_model_default_params()
        params.n_gpu_layers = 0 if not supports_gpu() else (999 if gpu_layers < 0 else gpu_layers)

        def on_progress(share: float, _: object) -> bool:
            if progress is not None:
                progress(float(share))
            return not (cancel is not None and cancel.cancelled)

        callback = c.llama_progress_callback(on_progress)
        params.progress_callback = callback
        last_complaint()
        model = c.llama_model_load_from_file(str(path).encode(), params)
        if model:
            return model
        if cancel is not None and cancel.cancelled:
            raise Aborted
        reason = last_complaint()
        raise EngineError(
            f"llama.cpp could not load {path.name}" + (f": {reason}" if reason else ".")
        )

    # --- text and tokens -------------------------------------------------------------------

    def tokenize(self, text: str, *, special: bool, start: bool = False) -> list[int]:
        """Return the tokens of a text.

        Args:
            text: Any text; lone surrogates are replaced.
            special: Whether control tokens written in the text count as such. Never true for
                what a person typed.
            start: Whether the model's beginning-of-text token is put in front, where it has one.
        """
        raw = text.encode("utf-8", errors="replace")
        size = len(raw) + 16
        while True:
            tokens = (c.llama_token * size)()
            count = c.llama_tokenize(self._vocab, raw, len(raw), tokens, size, start, special)
            if count >= 0:
                return list(tokens[:count])
            size = -count

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for; control tokens stand for none."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token, special=False)
        return known

    def control_text(self, token: int) -> str:
        """Return how a control token is written, for the chat template; empty for none."""
        if token < 0:
            return ""
        return self._read_piece(token, special=True).decode("utf-8", errors="replace")

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = c.llama_token_to_piece(self._vocab, token, buffer, size, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def is_end(self, token: int) -> bool:
        """Return whether a token ends the reply."""
        return bool(c.llama_vocab_is_eog(self._vocab, token))

    @property
    def begin_text(self) -> str:
        """How the beginning-of-text token is written; empty where the model has none."""
        return self.control_text(c.llama_vocab_bos(self._vocab))

    @property
    def end_text(self) -> str:
        """How the end-of-text token is written."""
        return self.control_text(c.llama_vocab_eos(self._vocab))

    @property
    def chat_template(self) -> str | None:
        """The Jinja template inside the model file, or none."""
        raw = c.llama_model_chat_template(self._model, None)
        return raw.decode("utf-8", errors="replace") if raw else None

    @property
    def trained_context(self) -> int:
        """How many tokens the model was trained to look at."""
        return int(c.llama_model_n_ctx_train(self._model))

    # --- evaluation ------------------------------------------------------------------------

    @contextmanager
    def stoppable(self, cancel: CancelToken | None) -> Iterator[None]:
        """Let `cancel` break off evaluations inside the block."""
        self._abort.lower()
        if cancel is None:
            yield
            return
        with cancel.calling(self._abort.raise_it):
            try:
                yield
            finally:
                self._abort.lower()

    def keep(self, count: int) -> bool:
        """Forget everything after the first `count` tokens; False if all had to be forgotten."""
        if c.llama_memory_seq_rm(self._memory, 0, count, -1):
            return True
        c.llama_memory_clear(self._memory, True)
        return False

    def evaluate(self, tokens: Sequence[int]) -> None:
        """Evaluate at most `batch_tokens` tokens after those already there.

        Raises:
            Aborted: the block's cancel token was thrown; `keep` must be called with what is valid.
            EngineError: the evaluation failed.
        """
        array = (c.llama_token * len(tokens))(*tokens)
        code = c.llama_decode(self._context, c.llama_batch_get_one(array, len(tokens)))
        if code == 0:
            return
        if code == 2:
            raise Aborted
        raise EngineError(f"The model could not go on (llama_decode returned {code}).")

    @contextmanager
    def sampler(self, sampling: Sampling) -> Iterator[Any]:
        """Yield a sampler chain: repeat penalty, then greedy or min-p, temperature and a draw."""
        params = c.llama_sampler_chain_default_params()
        params.no_perf = True
        chain = c.llama_sampler_chain_init(params)
        add = c.llama_sampler_chain_add
        if sampling.repeat_penalty != 1.0:
            add(
                chain,
                c.llama_sampler_init_penalties(
                    self._vocab_size, sampling.repeat_window, sampling.repeat_penalty, 0.0, 0.0
                ),
            )
        if sampling.temperature <= 0:
            add(chain, c.llama_sampler_init_greedy())
        else:
            add(chain, c.llama_sampler_init_top_k(64))
            add(chain, c.llama_sampler_init_min_p(sampling.min_p, 1))
            add(chain, c.llama_sampler_init_temp(sampling.temperature))
            add(chain, c.llama_sampler_init_dist(sampling.seed & 0xFFFFFFFF))
        try:
            yield chain
        finally:
            c.llama_sampler_free(chain)

    def sample(self, chain: Any) -> int:
        """Draw the next token from the last evaluation."""
        return int(c.llama_sampler_sample(chain, self._context, -1))

    def close(self) -> None:
        """Free the context and the model."""
        if self._context:
            c.llama_free(self._context)
            self._context = None
        if self._model:
            c.llama_model_free(self._model)
            self._model = None
