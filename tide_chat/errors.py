"""Every error the package raises on purpose, in one tree.

    TideError
    ├── UserError                 the caller or the user can mend it; the message says how
    │   ├── MissingPrerequisite   a library, model or index is not there
    │   ├── BadInput              a file, line or argument cannot be read
    │   └── ModelFileError        a weight file is absent, truncated, altered or not a GGUF
    └── TurnError                 a turn went wrong; the companion answers it with fixed text
        ├── EngineError           the language model could not load or answer
        │   ├── EngineBusy        a second call came in while one was running
        │   └── ContextOverflow   the prompt does not fit the model's context
        ├── EncoderError          a sentence could not be embedded
        ├── RetrievalError        the reference index could not be read or searched
        └── PolicyError           the safety policy is missing, broken or could not be applied

No message ever carries what a person typed: messages end up in logs and bug reports.
"""

__all__ = [
    "BadInput",
    "ContextOverflow",
    "EncoderError",
    "EngineBusy",
    "EngineError",
    "MissingPrerequisite",
    "ModelFileError",
    "PolicyError",
    "RetrievalError",
    "TideError",
    "TurnError",
    "UserError",
]


class TideError(Exception):
    """Base of every error raised on purpose; its text is one sentence for a person."""


class UserError(TideError):
    """Something the person running the program can mend; shown without a traceback."""


class MissingPrerequisite(UserError):
    """A library, a model file or an index is missing; the message names what mends it."""


class BadInput(UserError):
    """A file, a line or an argument is not what the command reads."""


class ModelFileError(UserError):
    """A weight file is absent, truncated, altered or of another kind than its manifest says."""


class TurnError(TideError):
    """A part of a chat turn failed; the companion replies with the policy's fixed text."""


class EngineError(TurnError):
    """The language model could not be loaded or failed while answering."""


class EngineBusy(EngineError):
    """The engine was asked for a second stream while the first was still open."""


class ContextOverflow(EngineError):
    """The prompt and the reply together do not fit into the model's context."""


class EncoderError(TurnError):
    """The sentence encoder could not be loaded or failed."""


class RetrievalError(TurnError):
    """The reference index is missing, of another encoder, or could not be searched."""


class PolicyError(TurnError):
    """The safety policy is missing or broken, or applying it failed."""
