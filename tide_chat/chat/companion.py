"""The companion: every part of a turn put together. The composition root of the package.

`Companion(engine=...)` takes parts that are already made, for tests and host programs;
`Companion.open()` finds model, encoder and index on this machine. A companion holds what turns
share; what belongs to one conversation lives in `Conversation`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from tide_chat import __version__
from tide_chat.chat.conversation import Conversation
from tide_chat.chat.prompt import PROMPT_VERSION, prefix
from tide_chat.chat.recall import LazyRecall, Recall
from tide_chat.chat.referrals import Referrals
from tide_chat.chat.stance import Language
from tide_chat.chat.tiers import FixedAnswers
from tide_chat.chat.voice import Voice
from tide_chat.engine.pending import PendingEngine
from tide_chat.engine.protocol import Engine
from tide_chat.errors import MissingPrerequisite
from tide_chat.paths import Paths
from tide_chat.safety.guard import Guard
from tide_chat.safety.help_lines import HelpLines
from tide_chat.safety.responses import Responses
from tide_chat.safety.screen import Screen
from tide_chat.settings import Settings
from tide_chat.types import CancelToken, Sampling

__all__ = ["Companion"]

_QUOTES_FROM = 1.0
"""Billions of parameters from which a model is shown a whole reference reply. The 0.5B model copied
it, details of another person included."""


class Companion:
    """Answers messages; see `Companion.open` for the usual way to get one.

    Not safe for two threads that stream at once: one engine, one reply at a time.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        screen: Screen | None = None,
        guard: Guard | None = None,
        recall: Recall | LazyRecall | None = None,
        responses: Responses | None = None,
        help_lines: HelpLines | None = None,
        voice: Voice | None = None,
        sampling: Sampling | None = None,
        quote_passages: bool = True,
        referrals: Referrals | None = None,
    ) -> None:
        """Put a companion together; every safety part left out is the shipped one.

        Args:
            engine: Writes the replies; without one, ordinary messages get fixed text and crisis
                messages are answered as ever.
            screen: Reads every message first.
            guard: Reads every reply last.
            recall: Brings up passages and stances; without one the model sees the bare message.
            responses: The fixed texts.
            help_lines: The help lines.
            voice: The constant beginning of the prompt.
            sampling: How tokens are drawn; the seed is replaced turn by turn.
            quote_passages: Whether the nearest passage's reply is laid before the model in full.
            referrals: Counts how often help lines were named; none counts nothing.
        """
        self.engine = engine
        self.screen = screen or Screen.shipped()
        self.guard = guard or Guard.shipped()
        self.recall = recall
        self.responses = responses or Responses.shipped()
        self.fixed = FixedAnswers(self.responses, help_lines or HelpLines.shipped())
        self.voice = voice or Voice.shipped()
        self.quote_passages = quote_passages
        self.referrals = referrals
        self._sampling = sampling or Sampling(temperature=0.4, max_tokens=140)

    @classmethod
    def open(
        cls,
        model: str | None = None,
        *,
        settings: Settings | None = None,
        paths: Paths | None = None,
        small: bool = False,
        background: bool = False,
        without_model_ok: bool = False,
    ) -> Companion:
        """Open a companion on the models of this machine.

        Args:
            model: Id of a model on the shelf, or the path of a GGUF file; none takes the setting,
                else the default for this machine's memory.
            settings: The user's settings; read from their file if left out.
            paths: Folders of the program.
            small: Take the smaller default model.
            background: Return at once and load the model behind; a reply waits for it.
            without_model_ok: Return a companion without an engine where no model file is there.

        Raises:
            MissingPrerequisite: a model, the encoder or a library is missing.
            ModelFileError: the model file is damaged.
            EngineError: the model cannot be loaded (never with `background`).
        """
        settings = settings or Settings.load()
        paths = paths or Paths.default()
        voice = Voice.shipped(settings.voice)
        try:
            engine = _engine(model, settings, paths, small, voice)
        except MissingPrerequisite:
            if not without_model_ok:
                raise
            engine = None
        if engine is not None:
            engine.start()
            if not background:
                engine.wait()
        recall = LazyRecall(lambda: _open_recall(paths)) if settings.retrieval else None
        return cls(
            engine,
            voice=voice,
            recall=recall,
            quote_passages=engine is None or not _is_tiny(engine.name),
            referrals=Referrals(paths.referrals_file) if settings.count_referrals else None,
        )

    def conversation(
        self,
        *,
        country: str | None = None,
        language: Language = "en",
        seed: int | None = None,
        exclude_personas: Collection[str] = (),
    ) -> Conversation:
        """Begin a conversation.

        Args:
            country: Two letters; whose help lines are named. None names the worldwide set.
            language: Language of fixed texts where a message does not show its own.
            seed: Makes the conversation repeatable; none draws one.
            exclude_personas: Personas whose passages are never brought up, for scoring.
        """
        return Conversation(
            self,
            country=country,
            language=language,
            seed=seed,
            exclude_personas=exclude_personas,
        )

    def warm(self) -> None:
        """Load what the first turn would otherwise wait for: classifiers, encoder, index, stances.

        Raises:
            EncoderError: a classifier cannot be loaded; every message is then answered with the
                fixed text for that.
            RetrievalError: the others cannot be loaded; turns go on without them.
        """
        self.screen.warm()
        self.guard.warm()
        if isinstance(self.recall, LazyRecall):
            self.recall.load()

    def wait(self, cancel: CancelToken | None = None) -> bool:
        """Wait until the model can answer; False if waiting was cancelled.

        Raises:
            EngineError: the model cannot be loaded.
        """
        if isinstance(self.engine, PendingEngine):
            return self.engine.wait(cancel)
        return True

    def sampling_for(self, seed: int) -> Sampling:
        """Return how tokens are drawn in a turn."""
        return replace(self._sampling, seed=seed)

    @property
    def versions(self) -> dict[str, str]:
        """Versions of everything that shapes a reply."""
        recalled = self.recall.versions if self.recall is not None else {}
        return {
            "model": self.engine.name if self.engine is not None else "",
            **self._fixed_versions,
            **recalled,
        }

    @cached_property
    def _fixed_versions(self) -> dict[str, str]:
        return {
            "tide_chat": __version__,
            "prompt": PROMPT_VERSION,
            "voice": f"{self.voice.name}-{self.voice.version}",
            "screen": self.screen.policy,
            "guard": self.guard.policy,
            "responses": self.responses.version,
        }

    def close(self) -> None:
        """Free the model; the companion cannot answer afterwards."""
        if self.engine is not None:
            self.engine.close()


def _engine(
    model: str | None, settings: Settings, paths: Paths, small: bool, voice: Voice
) -> PendingEngine:
    """Return an engine for a model on the shelf, not yet loading."""
    name, file = _model_file(model, settings, paths, small)

    def opening(cancel: CancelToken, progress: Callable[[float], None]) -> Engine:
        from tide_chat.engine.llama import LlamaEngine

        return LlamaEngine(
            file(),
            name=name,
            context_tokens=settings.context_tokens,
            threads=settings.threads,
            gpu_layers=settings.gpu_layers,
            cancel=cancel,
            progress=progress,
        )

    return PendingEngine(
        opening, name=name, context_tokens=settings.context_tokens, prefix=prefix(voice)
    )


def _model_file(
    model: str | None, settings: Settings, paths: Paths, small: bool
) -> tuple[str, Callable[[], Path]]:
    """Return the id of the model to open and a call that verifies and names its file."""
    from tide_chat.shelf.choose import usable_model
    from tide_chat.shelf.shelf import Shelf

    shelf = Shelf(paths)
    if model is not None and model.endswith(".gguf"):
        file = Path(model).expanduser()
        if not file.is_file():
            raise MissingPrerequisite(f"There is no model file {file}.")
        return file.stem, lambda: file
    name = model or usable_model(shelf, settings, small=small)
    path = shelf.path(name)
    return name, lambda: path


def _is_tiny(name: str) -> bool:
    """Return whether a model repeats a quoted reply instead of learning its tone."""
    from tide_chat.shelf.manifests import manifests

    known = manifests().get(name)
    return known is not None and known.parameters_billion < _QUOTES_FROM


def _open_recall(paths: Paths) -> Recall:
    """Return passages and stances on the shipped references."""
    from tide_chat.chat.stance import Stances
    from tide_chat.retrieval.opening import open_encoder, open_references

    encoder = open_encoder(paths)
    index = open_references(paths, encoder)
    stances = Stances.shipped(encoder)
    versions = {
        "encoder": encoder.name,
        "index": index.corpus_hash[:12],
        "stances": stances.version,
    }
    return Recall(index, stances, versions)
