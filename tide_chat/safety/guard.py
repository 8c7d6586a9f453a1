"""Reads every reply of the language model before a person does, and stops harmful acts.

It judges what a reply does (gives a method, blames, promises, pretends), not what it is about.

The protocol. A draft is cut into clauses (`clauses.py`). Each clause is judged once, when it is
complete, together with all the text before it; nothing after it counts. `check` judges every clause
of a finished reply, `watch` judges them as they come and stops at the first finding. So for any
draft, however it is cut into pieces:

- the stream blocks exactly when `check` does not allow the draft;
- what the stream released ends before the clause in which `check`'s findings begin to end, so no
  released text ever contains a whole span that `check` reports.

Besides the rules, a trained classifier (`reply_model.py`) reads each sentence when it is whole.
While there is one, nothing of a sentence is released before its end.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.resources import as_file

from tide_chat.errors import MissingPrerequisite
from tide_chat.safety.clauses import Clause, Clauses, Folded, fold
from tide_chat.safety.guard_rules import CompiledRule, RuleBook, read_rules
from tide_chat.safety.reply_model import Opinion, ReplyModel
from tide_chat.shipped import shipped
from tide_chat.types import GuardFinding, GuardVerdict

__all__ = ["Guard", "GuardStream"]

_LOOK_BACK = 300
"""Folded characters before a clause in which a match that ends in the clause may begin."""
_USER_LIMIT = 20_000
"""Characters of the user's message that are looked at."""
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_OPENING_QUOTE = re.compile(r"(?<!\w)[\"'](?=\w)")
_CLOSING_QUOTE = re.compile(r"(?<=[\w.,!?])[\"'](?!\w)")
_NEVER_QUOTED = frozenset({"method", "phone_number", "link", "leak", "overlong", "third_person"})
"""Acts that are no better inside quotation marks."""


class Guard:
    """The output policy, ready to judge replies. Holds no state of any reply."""

    def __init__(
        self, book: RuleBook, model: Callable[[], ReplyModel | None] | None = None
    ) -> None:
        """Put a guard together.

        Args:
            book: The rules.
            model: Gives the trained classifier, when it is first needed; none leaves the rules
                alone.
        """
        self._book = book
        self._model = model or (lambda: None)

    @classmethod
    def shipped(cls) -> Guard:
        """Return the guard of the shipped policy with its classifier, read once.

        Raises:
            PolicyError: the policy files are broken.
        """
        return _shipped()

    @classmethod
    def of_rules(cls) -> Guard:
        """Return the guard of the shipped rules alone."""
        return cls(_shipped()._book)

    @property
    def policy(self) -> str:
        """Version of the rules and of the classifier."""
        model = self._model()
        return f"{self._book.policy}+{model.name}" if model else self._book.policy

    def warm(self) -> None:
        """Load what the first reply would otherwise wait for."""
        self._model()

    @property
    def rules(self) -> tuple[CompiledRule, ...]:
        """All rules, in the order of their files."""
        return self._book.rules

    def check(self, text: str, user: str = "") -> GuardVerdict:
        """Judge a whole reply, given the message it answers.

        Raises:
            EncoderError: the classifier failed.
        """
        reading = _Reading(self._book, user, self._model())
        for clause in _clauses_of(text, self._book.limits.characters):
            reading.add(clause)
        rules = reading.possible_rules()
        findings: list[GuardFinding] = []
        for index in range(len(reading)):
            findings += reading.judge(index, rules)
            if reading.too_long(index):
                break
        return GuardVerdict(allowed=not findings, findings=tuple(findings))

    def watch(self, user: str = "") -> GuardStream:
        """Begin to judge a reply that is still being written."""
        return GuardStream(self._book, user, self._model())


class GuardStream:
    """One reply being written: pieces go in, words that may be shown come out."""

    def __init__(self, book: RuleBook, user: str = "", model: ReplyModel | None = None) -> None:
        self._clauses = Clauses()
        self._reading = _Reading(book, user, model)
        self._whole_sentences = model is not None
        self._held = ""
        self._rules = book.rules
        self._findings: tuple[GuardFinding, ...] = ()

    @property
    def findings(self) -> tuple[GuardFinding, ...]:
        """Why the reply was stopped; the findings of one clause, empty while nothing is wrong."""
        return self._findings

    @property
    def blocked(self) -> bool:
        """Whether the reply was stopped; what stands must then go."""
        return bool(self._findings)

    def feed(self, piece: str) -> str:
        """Take the next piece of the draft and return what may be shown now, possibly nothing."""
        return "" if self.blocked else self._release(self._clauses.feed(piece))

    def finish(self) -> str:
        """Judge what is still held and return it, or nothing."""
        return "" if self.blocked else self._release((self._clauses.finish(),))

    def _release(self, clauses: Iterable[Clause]) -> str:
        shown: list[str] = []
        for clause in clauses:
            self._reading.add(clause)
            self._findings = self._reading.judge(len(self._reading) - 1, self._rules)
            if self._findings:
                break
            self._held += clause.text
            if not self._whole_sentences or clause.ends_sentence or clause.last:
                shown.append(self._held)
                self._held = ""
        return "".join(shown)


class _Reading:
    """A draft in the guard's hands: its clauses, and what was found in each."""

    def __init__(self, book: RuleBook, user: str, model: ReplyModel | None) -> None:
        self._book = book
        self._model = model
        self._message = user[-_USER_LIMIT:]
        self._user = fold(user[:_USER_LIMIT])
        self._raw = ""
        self._whole: list[tuple[int, int] | None] = []
        """For each clause that ends a sentence, where that sentence lies in the draft."""
        self._raw_sentence = 0
        self._draft = Folded()
        self._ends: list[int] = []
        self._raw_ends: list[int] = []
        self._words: list[int] = []
        self._torn: list[bool] = []
        self._sentences = [0]
        self._begins: list[int] = []
        """For each clause, where its sentence begins in the folded draft."""

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, clause: Clause) -> None:
        """Read one more clause."""
        begin = len(self._draft.text)
        self._begins.append(self._sentences[-1])
        self._draft.extend(clause.text)
        end = len(self._draft.text)
        self._ends.append(end)
        self._raw_ends.append(self._draft.length)
        seen = self._words[-1] if self._words else 0
        self._words.append(seen + len(_WORD.findall(self._draft.text, begin, end)))
        self._torn.append(clause.torn)
        self._raw += clause.text
        ended = clause.ends_sentence or clause.last
        self._whole.append((self._raw_sentence, len(self._raw)) if ended else None)
        if ended:
            self._raw_sentence = len(self._raw)
        if clause.ends_sentence:
            self._sentences.append(end)

    def possible_rules(self) -> tuple[CompiledRule, ...]:
        """Return the rules that may find something in the draft as it stands now."""
        text = self._draft.text
        return tuple(
            rule for rule in self._book.rules if not rule.local or rule.pattern.search(text)
        )

    def too_long(self, index: int) -> bool:
        """Whether the draft up to a clause is longer than a reply may be."""
        limits = self._book.limits
        return (
            self._words[index] > limits.words
            or self._raw_ends[index] > limits.characters
            or self._torn[index]
        )

    def judge(self, index: int, rules: tuple[CompiledRule, ...]) -> tuple[GuardFinding, ...]:
        """Return what is wrong with one clause, given those before it and none after."""
        begin = self._ends[index - 1] if index else 0
        end = self._ends[index]
        first = max(0, begin - _LOOK_BACK)
        found: set[GuardFinding] = set()
        opinion = self._opinion(index)
        for rule in rules:
            if rule.rule.weak and self._model is not None:
                if opinion is not None and opinion.doubts:
                    found.update(self._weak(rule, index))
                continue
            text = self._draft.lined if rule.rule.layout else self._draft.text
            for match in rule.pattern.finditer(text, first, end):
                if match.end() > begin and not self._permitted(rule, match, end):
                    found.add(self._finding(rule, match))
        if self.too_long(index) and not (index and self.too_long(index - 1)):
            start = self._raw_ends[index - 1] if index else 0
            found.add(
                GuardFinding("guard.overlong.length", "overlong", start, self._raw_ends[index])
            )
        if opinion is not None and opinion.stops:
            start, stop = self._sentence_of(index)
            found.add(GuardFinding(f"model.{opinion.act}", opinion.act, start, stop))
        return tuple(sorted(found, key=lambda finding: (finding.start, finding.end, finding.rule)))

    def _opinion(self, index: int) -> Opinion | None:
        """Return what the classifier makes of the sentence that a clause ends, if it ends one."""
        if self._model is None or self._whole[index] is None:
            return None
        start, end = self._sentence_of(index)
        if start == end:
            return None
        return self._model.judge(self._message, self._raw[:start], self._raw[start:end])

    def _sentence_of(self, index: int) -> tuple[int, int]:
        """Return where the sentence that a clause ends lies in the draft, without the space."""
        start, end = self._whole[index] or (0, 0)
        return start, start + len(self._raw[start:end].rstrip())

    def _weak(self, rule: CompiledRule, index: int) -> Iterator[GuardFinding]:
        """Yield what a weak rule finds in the whole sentence that a clause ends."""
        text, end = self._draft.text, self._ends[index]
        begin = self._begins[index]
        for match in rule.pattern.finditer(text, max(0, begin - _LOOK_BACK), end):
            if match.end() > begin and not self._permitted(rule, match, end):
                yield self._finding(rule, match)

    def _finding(self, rule: CompiledRule, match: re.Match[str]) -> GuardFinding:
        origin = self._draft.origin
        return GuardFinding(
            rule.rule.id, rule.rule.act, origin[match.start()], origin[match.end() - 1] + 1
        )

    def _permitted(self, rule: CompiledRule, match: re.Match[str], end: int) -> bool:
        text = self._draft.text
        start = match.start()
        sentence = self._sentences[bisect_right(self._sentences, start) - 1]
        if rule.unless is not None and rule.unless.search(text, sentence, end):
            return True
        if rule.unless_before is not None and rule.unless_before.search(text, sentence, start):
            return True
        if rule.permits_user(match, self._user):
            return True
        if rule.rule.act in _NEVER_QUOTED or not rule.rule.reported:
            return False
        if self._book.reported.search(text, sentence, start):
            return True
        quoted = _in_quotes(text, sentence, start) or text[match.end() : match.end() + 1] == ":"
        return quoted and (rule.rule.quotes or match.group() in self._user)


def _in_quotes(text: str, sentence: int, start: int) -> bool:
    opened = [mark.start() for mark in _OPENING_QUOTE.finditer(text, sentence, start + 1)]
    return bool(opened) and _CLOSING_QUOTE.search(text, opened[-1] + 1, start) is None


def _clauses_of(text: str, characters: int) -> Iterator[Clause]:
    """Yield the clauses of a whole reply, up to the one that makes it too long to be shown."""
    clauses = Clauses()
    read = 0
    for clause in clauses.feed(text):
        yield clause
        read += len(clause.text)
        if read > characters or clause.torn:
            return
    yield clauses.finish()


@cache
def _shipped() -> Guard:
    return Guard(read_rules(shipped("safety") / "guard"), _shipped_model)


@cache
def _shipped_model() -> ReplyModel | None:
    """Return the shipped classifier, or none where its libraries are not installed."""
    from tide_chat.encoder.reader import OnnxReader

    try:
        with as_file(shipped("safety") / "classifier") as folder:
            return ReplyModel(OnnxReader(folder, "guard"))
    except MissingPrerequisite:
        return None
