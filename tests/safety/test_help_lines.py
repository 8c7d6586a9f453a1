"""The help lines are data that lives depend on, so they are tested like code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from tide_chat.errors import MissingPrerequisite, PolicyError
from tide_chat.safety import help_lines
from tide_chat.safety.help_lines import HelpLine, HelpLines
from tide_chat.shipped import shipped

LINES = HelpLines.shipped()
COUNTRIES = ("AU", "CA", "DE", "ES", "FR", "GB", "IE", "MX", "NZ", "US")

RECORD = """
version = "1"
[[line]]
id = "zz-one"
country = "ZZ"
name = "One"
kinds = ["emergency"]
call = "112"
dial = "112"
hours = "24/7"
languages = ["en"]
source = "a test"
checked = 2026-01-31
confidence = "confirmed"
priority = 1
"""


def ids(lines: tuple[HelpLine, ...]) -> list[str]:
    return [line.id for line in lines]


def test_the_countries_promised_are_covered() -> None:
    assert LINES.countries == COUNTRIES


def test_ids_are_unique_and_carry_their_country() -> None:
    assert len({line.id for line in LINES.lines}) == len(LINES.lines)
    assert [x.id for x in LINES.lines if not x.id.startswith(x.country.lower() + "-")] == []


@pytest.mark.parametrize("line", LINES.lines, ids=lambda line: line.id)
def test_each_record_can_be_dialled_and_traced(line: HelpLine) -> None:
    assert line.source.strip()
    assert date(2026, 1, 1) <= line.checked
    assert line.source_date is None or line.source_date <= line.checked
    if line.call and line.dial:
        shown = "".join(c for c in line.call.split(" or ")[0] if c.isdigit())
        assert shown == line.dial
    if line.text and line.text.shown:
        assert "".join(c for c in line.text.shown if c.isdigit()) == line.text.to
    assert line.then is None or set(line.then) == {"en", "es"}


EMERGENCY = {
    "AU": "000",
    "CA": "911",
    "DE": "112",
    "ES": "112",
    "FR": "112",
    "GB": "999",
    "IE": "112 or 999",
    "MX": "911",
    "NZ": "111",
    "US": "911",
}


@pytest.mark.parametrize("country", COUNTRIES)
def test_each_country_has_an_emergency_number_and_a_line_at_all_hours(country: str) -> None:
    assert LINES.emergency(country).call == EMERGENCY[country]
    always = [
        line
        for line in LINES.for_country(country)
        if {"suicide", "general"} & set(line.kinds)
        and line.hours == "24/7"
        and not line.listed_only
        and "veterans" not in line.kinds
        and (line.dial or line.text)
    ]
    assert always


@dataclass(frozen=True)
class Case:
    name: str
    country: str | None
    kinds: tuple[str, ...]
    veteran: bool
    first: tuple[str, ...]


CASES = [
    Case("us-suicide", "US", ("suicide",), False, ("us-988", "us-crisis-text-line")),
    Case("us-veteran", "US", ("suicide",), True, ("us-veterans-crisis-line", "us-988")),
    Case(
        "veteran-abused",
        "US",
        ("domestic_violence", "suicide"),
        True,
        ("us-domestic-violence-hotline", "us-veterans-crisis-line"),
    ),
    Case("uk-alias", "uk", ("suicide",), False, ("gb-samaritans", "gb-shout")),
    Case("uk-veteran", "UK", ("suicide",), True, ("gb-combat-stress", "gb-samaritans")),
    Case("lower-case", "au", ("sexual_violence",), False, ("au-1800respect", "au-lifeline")),
    Case("no-special-line", "MX", ("poison",), False, ("mx-linea-de-la-vida",)),
    Case("unknown", "QQ", ("suicide",), False, ("zz-find-a-helpline", "zz-befrienders")),
    Case("none", None, (), False, ("zz-find-a-helpline", "zz-befrienders")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_first_lines(case: Case) -> None:
    assert tuple(ids(LINES.first(case.country, case.kinds, veteran=case.veteran))) == case.first


@pytest.mark.parametrize("country", [*COUNTRIES, None, "QQ"])
@pytest.mark.parametrize("veteran", [False, True])
def test_something_can_always_be_named(country: str | None, veteran: bool) -> None:
    for kinds in ((), ("suicide",), ("child", "poison"), ("domestic_violence",), ("nonsense",)):
        named = LINES.first(country, kinds, veteran=veteran)
        assert 1 <= len(named) <= 2
        assert not any(line.listed_only or "emergency" in line.kinds for line in named)
        assert veteran or not any("veterans" in line.kinds for line in named)


def test_all_lines_of_a_country_begin_with_the_emergency_number() -> None:
    lines = LINES.for_country("us", ("sexual_violence",))
    assert ids(lines)[:2] == ["us-911", "us-rainn"]
    assert {line.country for line in lines} == {"US"}
    assert len(lines) == sum(line.country == "US" for line in LINES.lines)
    assert "veterans" in lines[-1].kinds


def test_a_country_without_fitting_lines_sends_to_the_worldwide_set() -> None:
    more = RECORD.replace('version = "1"', "").replace("ZZ", "QA").replace("zz-one", "qa-one")
    find = more.replace("QA", "ZZ").replace("qa-one", "zz-two").replace("emergency", "general")
    lines = HelpLines.load(RECORD + more + find)
    assert ids(lines.first("QA", ("suicide",))) == ["zz-two"]


DESCRIBED = [
    ("us-988", "en", "988 Suicide & Crisis Lifeline: call or text 988 (24/7)"),
    (
        "us-veterans-crisis-line",
        "en",
        "Veterans Crisis Line: call 988, then press 1, or text 838255 (24/7)",
    ),
    ("us-crisis-text-line", "en", "Crisis Text Line: text HOME to 741741 (24/7)"),
    ("au-lifeline", "en", "Lifeline: call 13 11 14 or text 0477 13 11 14 (24/7)"),
    (
        "gb-nhs-111",
        "en",
        "NHS 111 mental health: call 111, then choose the mental health option (24/7)",
    ),
    ("zz-find-a-helpline", "en", "Find A Helpline: findahelpline.com (online)"),
    ("es-024", "es", "Línea 024: llama al 024 (24 horas)"),
    ("us-988", "es", "988 Suicide & Crisis Lifeline: llama o envía un SMS al 988 (24 horas)"),
    ("us-crisis-text-line", "es", "Crisis Text Line: envía HOME por SMS al 741741 (24 horas)"),
    ("zz-find-a-helpline", "es", "Find A Helpline: findahelpline.com (en línea)"),
    ("es-024", "xx", "Línea 024: call 024 (24/7)"),
]


@pytest.mark.parametrize(("id_", "language", "said"), DESCRIBED)
def test_a_line_is_described_in_plain_words(id_: str, language: str, said: str) -> None:
    [line] = [line for line in LINES.lines if line.id == id_]
    assert line.describe(language) == said


def test_a_line_goes_stale_after_twelve_months() -> None:
    lines = HelpLines.load(RECORD)
    assert lines.stale(date(2027, 1, 30)) == ()
    assert lines.stale(date(2027, 1, 31)) == ()
    assert ids(lines.stale(date(2027, 2, 1))) == ["zz-one"]


BROKEN = {
    "not toml": "version = ",
    "no lines": 'version = "1"\nline = []',
    "twice": RECORD + RECORD.replace('version = "1"', ""),
    "letters in dial": RECORD.replace('dial = "112"', 'dial = "11-2"'),
    "call without dial": RECORD.replace('dial = "112"', ""),
    "unreachable": RECORD.replace('dial = "112"', "").replace('call = "112"', ""),
    "unknown field": RECORD + 'mood = "blue"\n',
    "unknown kind": RECORD.replace("emergency", "magic"),
    "no source": RECORD.replace('source = "a test"', ""),
    "no date": RECORD.replace("checked = 2026-01-31", ""),
    "not a bare address": RECORD + 'web = "http://example.org/page"\n',
    "no emergency number": RECORD.replace("emergency", "general"),
    "no worldwide set": RECORD.replace("ZZ", "US"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused(text: str) -> None:
    HelpLines.load(RECORD)
    with pytest.raises(PolicyError, match="help lines cannot be used"):
        HelpLines.load(text)


def test_a_missing_file_is_a_policy_error() -> None:
    with pytest.raises(PolicyError):
        HelpLines.load(shipped("safety") / "no_such_file.toml")


def test_missing_data_files_are_a_policy_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(kind: str) -> object:
        raise MissingPrerequisite("gone")

    monkeypatch.setattr(help_lines, "shipped", gone)
    HelpLines.shipped.cache_clear()
    with pytest.raises(PolicyError):
        HelpLines.shipped()
    HelpLines.shipped.cache_clear()


def test_shipped_lines_are_read_once() -> None:
    assert HelpLines.shipped() is HelpLines.shipped()


def test_the_readme_lists_every_line() -> None:
    readme = (shipped("safety") / "README.md").read_text(encoding="utf-8")
    row = "| `{0.id}` | {0.name} | {1} | {2} | {0.confidence} |"
    missing = [
        line.id
        for line in LINES.lines
        if row.format(line, line.source, line.source_date or "none") not in readme
    ]
    assert missing == []
