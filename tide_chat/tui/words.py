"""Every fixed sentence of the interface that is not part of the reviewed safety texts."""

from __future__ import annotations

from tide_chat.tui.opening import Progress

__all__ = [
    "BACK",
    "CANNOT_CALL",
    "CRASHED",
    "NOT_NOTED",
    "NO_LINES",
    "PLACEHOLDER",
    "REMINDER",
    "STILL_LOADING",
    "STOPPED",
    "TURN_FAILED",
    "WITHDRAWN",
    "clean",
    "state",
    "waiting",
]

PLACEHOLDER = "Write here. Enter sends, Ctrl+J begins a new line."
REMINDER = "This is software, not a person. Nothing here is saved or sent."
STOPPED = "Stopped here."
WITHDRAWN = "(The words above are taken back.)"
TURN_FAILED = (
    "Something went wrong on this side, not yours. What you wrote was not saved anywhere. "
    "You can send it again, or reach people below."
)
STILL_LOADING = (
    "The model is still loading, so an answer takes a moment. Your message is here and waits."
)
BACK = "Esc goes back to the conversation."
CANNOT_CALL = (
    "This program cannot call anyone, and nobody sees what happens here. "
    "The numbers below are for you to call or text, now or later."
)
NO_LINES = (
    "The list of help lines could not be read. In danger, call your local emergency number; "
    "findahelpline.com lists lines for every country."
)
CRASHED = "The chat had to close because of a fault of its own. Nothing you wrote was kept."
NOT_NOTED = "This choice could not be noted on this machine, so you will be asked again next time."


def state(progress: Progress) -> str:
    """Say in words how far the companion is; empty when it is ready."""
    if progress.stage == "starting":
        return "starting: help lines work already (F1)"
    if progress.stage == "loading":
        far = round(progress.share * 100)
        return f"loading the model, {far} %: help lines work already (F1)"
    if progress.stage == "no_model":
        return "no model on this machine yet: help lines work (F1)"
    if progress.stage == "failed":
        return "the model cannot answer: help lines work (F1)"
    return ""


def waiting(progress: Progress) -> str:
    """Say that a message was read and waits for the model."""
    far = f", {round(progress.share * 100)} %" if progress.stage == "loading" else ""
    return f"your message waits for the model{far} (Esc takes it back)"


def clean(text: str) -> str:
    """Drop what a terminal would obey rather than show: control characters but line breaks."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return "".join(c for c in lines if c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f"))
