"""The reviewed texts and the help lines as the interface needs them, read before the first paint.

Fails closed: where the policy cannot be read, words of our own take its place, and the number of
the local emergency service stands in for the list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tide_chat.errors import PolicyError
from tide_chat.safety.help_lines import HelpLine, HelpLines
from tide_chat.safety.responses import Responses
from tide_chat.tui.words import NO_LINES, REMINDER

__all__ = ["Fixed", "load_fixed"]

_OWN_DISCLOSURE = (
    "This is software, not a person and not a therapist. It cannot feel. It cannot watch over "
    "you or call anyone, and it is not for emergencies. Nothing you write is saved, and nothing "
    "leaves this machine."
)


@dataclass(frozen=True, slots=True)
class Fixed:
    """Texts of one language and the lines of one country."""

    disclosure: str
    """What is shown and accepted on the first run."""
    notice: str
    """The sentence that New York prescribes at the start and every three hours."""
    version: str
    """Of the disclosure; another version is asked for again."""
    language: str
    country: str | None
    help_lines: HelpLines | None

    @property
    def reminder(self) -> str:
        """The line that says at every start that this is software."""
        return f"{REMINDER}\n{self.notice}".strip() if self.country == "US" else REMINDER

    @property
    def own_lines(self) -> tuple[HelpLine, ...]:
        """The first lines of the person's country: the emergency number, then who listens."""
        if self.help_lines is None:
            return ()
        return (self.help_lines.emergency(self.country), *self.help_lines.first(self.country))

    def named(self, ids: Iterable[str]) -> tuple[HelpLine, ...]:
        """Return the lines with these ids, in this order; unknown ids are passed over."""
        known = {line.id: line for line in self.help_lines.lines} if self.help_lines else {}
        return tuple(known[name] for name in ids if name in known)

    def described(self) -> tuple[str, ...]:
        """Say in plain sentences where help is, for the line mode and the last words of a crash."""
        return tuple(line.describe(self.language) for line in self.own_lines) or (NO_LINES,)

    def with_country(self, country: str | None) -> Fixed:
        """Return the same texts for another country."""
        return replace(self, country=country)


def load_fixed(country: str | None, language: str = "en") -> Fixed:
    """Read the shipped texts and lines; country and language are the person's settings."""
    try:
        lines = HelpLines.shipped()
    except PolicyError:
        lines = None
    try:
        texts = Responses.shipped()
        disclosure, notice = texts.disclosure(language), texts.new_york(language)
    except PolicyError:
        disclosure, notice = _OWN_DISCLOSURE, ""
    # The text is its own version: whatever changes in it is asked for again.
    version = hashlib.sha256(f"{disclosure}\n{notice}".encode()).hexdigest()[:12]
    return Fixed(disclosure, notice, version, language, country, lines)
