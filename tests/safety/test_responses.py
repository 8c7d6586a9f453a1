"""The fixed texts, held to the voice and to what a crisis text must contain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter
from typing import get_args

import pytest

from tide_chat.errors import MissingPrerequisite, PolicyError
from tide_chat.safety import responses
from tide_chat.safety.help_lines import HelpLines
from tide_chat.safety.responses import EpisodeName, FallbackName, Responses
from tide_chat.shipped import shipped
from tide_chat.types import Category

LINES = HelpLines.shipped()
TEXTS = Responses.shipped()
SOURCE = (shipped("safety") / "responses.toml").read_text(encoding="utf-8")

CRISIS_KINDS = {
    "suicide",
    "self_harm",
    "harm_to_others",
    "abuse_ongoing",
    "child_safety",
    "medical_emergency",
    "psychosis",
    "sexual_violence",
    "dissociation",
    "substance",
    "third_party",
    "overdose",
    "minor",
    "general",
}
CARE_KINDS = {
    "suicide",
    "self_harm",
    "harm_to_others",
    "abuse_ongoing",
    "dissociation",
    "psychosis",
    "substance",
    "eating",
    "child_safety",
    "sexual_violence",
    "minor",
    "general",
}
PLACES = (("US", ("suicide",)), ("ES", ("suicide",)), ("US", ("sexual_violence",)), (None, ()))


def raw() -> Iterator[tuple[str, str]]:
    """Every text of the file under its path."""
    for code, language in TEXTS.languages.items():
        stack: list[tuple[str, object]] = [(code, language.model_dump())]
        while stack:
            path, value = stack.pop()
            if isinstance(value, dict):
                stack += [(f"{path}.{key}", item) for key, item in value.items()]
            else:
                yield path, str(value)


RAW = dict(raw())
CRISIS = {path: text for path, text in RAW.items() if ".crisis." in path}
CARE = {path: text for path, text in RAW.items() if ".care." in path}


def words(text: str) -> int:
    return len(text.split())


def test_every_kind_has_its_texts_in_both_languages() -> None:
    for language in TEXTS.languages.values():
        assert set(language.crisis) == CRISIS_KINDS
        assert set(language.care) == CARE_KINDS
        assert set(language.fallback) == set(get_args(FallbackName))
    english = {path[3:] for path in RAW if path.startswith("en.")}
    spanish = {path[3:] for path in RAW if path.startswith("es.")}
    assert english == spanish
    assert CRISIS_KINDS - set(get_args(Category)) == {"third_party", "overdose", "minor", "general"}


def test_no_text_stands_for_two_things() -> None:
    assert len(set(RAW.values())) == len(RAW)


BANNED = {
    "shout": r"!|¡",
    "word the law keeps": (
        r"(?i)\b(therap\w*|treat(s|ed|ing|ment|ments)?|terap\w*|tratamiento\w*)\b"
    ),
    "promise": r"(?i)\bpromis\w*|\bpromet\w*|will be (fine|okay|ok)|todo (va a|irá|saldrá)",
    "stock phrase": (
        r"(?i)so sorry|thank you for|you are (so )?strong|everything happens|\bat least\b|\bjust\b"
        r"|how you feel|\bjourney\b|\bheal\b|lo siento mucho|gracias por compartir|al menos"
    ),
    "assurance": r"(?i)you('re| are) safe\b|estás a salvo\.|est[aá]s seguro",
    "diagnosis": r"(?i)\b(ptsd|disorder|depress\w+|psycho\w+|trastorno\w*|depresi\w+|tept)\b",
    "list or emphasis": r"[*#•\n]|\s-\s",
    "about itself": r"(?i)\bas an ai\b|\bthe user\b|el usuario",
}


@pytest.mark.parametrize("name", BANNED)
def test_the_voice(name: str) -> None:
    assert [path for path, text in RAW.items() if re.search(BANNED[name], text)] == []


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("shout", "Stop!"),
        ("word the law keeps", "See a therapist."),
        ("promise", "I promise."),
        ("stock phrase", "At least you called."),
        ("assurance", "You are safe."),
        ("diagnosis", "You have PTSD."),
        ("list or emphasis", "- call"),
        ("about itself", "As an AI I cannot."),
    ],
)
def test_the_voice_test_can_fail(name: str, sample: str) -> None:
    assert re.search(BANNED[name], f" {sample}")


@pytest.mark.parametrize("path", [*CRISIS, *CARE])
def test_one_question_and_no_more(path: str) -> None:
    assert RAW[path].count("?") == 1
    if path.startswith("es."):
        assert RAW[path].count("¿") == 1


@pytest.mark.parametrize("risk", ["high", "imminent"])
@pytest.mark.parametrize("kind", sorted(CRISIS_KINDS))
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(("country", "kinds"), PLACES)
def test_a_crisis_text_is_complete(
    risk: str, kind: str, language: str, country: str | None, kinds: tuple[str, ...]
) -> None:
    contacts = LINES.first(country, kinds)
    emergency = LINES.emergency(country)
    text = TEXTS.crisis(kind, risk, language, emergency=emergency, contacts=contacts)
    assert "{" not in text and "}" not in text
    assert 70 <= words(text) <= 140
    elsewhere = TEXTS.languages[language].emergency_elsewhere
    assert (str(emergency.call) if country else elsewhere) in text
    if (kind, risk) != ("medical_emergency", "imminent"):
        assert contacts[0].describe(language) in text
    allowed = {emergency.call, *(line.describe(language) for line in contacts), elsewhere}
    bare = text
    for given in sorted(filter(None, allowed), key=len, reverse=True):
        bare = bare.replace(given, "")
    assert not re.search(r"\d", bare)


CANNOT = {
    "en": r"I'm a program[^.]*: I cannot monitor (you|anyone)[^.]*\bcall anyone",
    "es": r"Soy un programa[^.]*: no puedo estar pendiente de (ti|nadie)[^.]*\bllamar a nadie",
}


@pytest.mark.parametrize("path", CRISIS)
def test_every_crisis_text_says_what_a_program_cannot_do(path: str) -> None:
    assert re.search(CANNOT[path[:2]], RAW[path])


WITH = {
    "en": r"be with (you|someone|them)|stay (with|close|beside)|sit with you|be with you|with you",
    "es": r"est[eé] contigo|estar contigo|se quede|quédate|siente contigo|acompañe|contigo",
}
MEANS = {"en": r"[Pp]ut distance between you and|put it down", "es": r"[Pp]on distancia entre tú y"}
GROUND = {"en": r"\b(feel|press|hold|name)\b", "es": r"\b(nota|aprieta|sujeta|nombra|Sujeta)\b"}


@pytest.mark.parametrize("risk", ["high", "imminent"])
@pytest.mark.parametrize("kind", ["suicide", "self_harm"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_danger_to_oneself_names_all_that_helps(language: str, kind: str, risk: str) -> None:
    text = RAW[f"{language}.crisis.{kind}.{risk}"]
    assert re.search(WITH[language], text)
    assert re.search(MEANS[language], text)
    assert re.search(GROUND[language], text)
    assert "{emergency}" in text and "{contact_first}" in text


@pytest.mark.parametrize("risk", ["high", "imminent"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_suicide_is_asked_about_by_name_and_neutrally(language: str, risk: str) -> None:
    text = RAW[f"{language}.crisis.suicide.{risk}"]
    question = re.search(r"[^.]*\?", text)
    assert question is not None
    assert re.search(r"killing yourself|matarte", question.group())
    assert not re.search(r"(?i)\byou're not\b|\bright\?|\bverdad\?|no estarás", question.group())


@pytest.mark.parametrize("path", [path for path in CRISIS if path.endswith(".imminent")])
def test_someone_in_the_room_is_part_of_every_imminent_text(path: str) -> None:
    beside = {
        "en": r"be with|[Ss]tay (with|close)|stay beside|sit with|toward other people",
        "es": r"contigo|quédate|Quédate|hacia otras personas",
    }
    assert re.search(beside[path[:2]], RAW[path])
    assert "{emergency}" in RAW[path]


@pytest.mark.parametrize("path", [p for p in RAW if "abuse_ongoing" in p])
def test_abuse_texts_are_safe_under_a_partners_eyes(path: str) -> None:
    text = RAW[path]
    assert re.search(r"(?i)esc twice|esc dos veces", text)
    assert not re.search(
        r"(?i)confront|talk to (him|her|them) about|leave (him|her|them)\b"
        r"|couple|partner|husband|wife|enfr[eé]nta|habla con (él|ella)|déjal[oa]"
        r"|pareja|marido|esposa",
        text,
    )


@pytest.mark.parametrize("risk", ["high", "imminent"])
def test_a_flashback_is_stopped_and_grounded_before_any_number(risk: str) -> None:
    for language, stop in (("en", "Stop first."), ("es", "Primero, para.")):
        text = RAW[f"{language}.crisis.dissociation.{risk}"]
        assert text.startswith(stop)
        assert text.index("?") < text.index("{contact_first}")
        assert text.index("?") < text.index("{emergency}")
        assert "{" not in RAW[f"{language}.care.dissociation"]


@pytest.mark.parametrize("kind", sorted(CARE_KINDS))
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(("country", "kinds"), PLACES)
def test_a_care_text_is_short_and_easy_to_wave_away(
    kind: str, language: str, country: str | None, kinds: tuple[str, ...]
) -> None:
    contacts = LINES.first(country, kinds)
    text = TEXTS.care(kind, language, emergency=LINES.emergency(country), contacts=contacts)
    assert 30 <= words(text) <= 70
    assert "{" not in text
    assert re.search(r"misread|misunderstood|took it wrongly|entendido mal", text)
    assert sum(line.describe(language) in text for line in contacts) <= 1


@pytest.mark.parametrize("name", get_args(FallbackName))
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_fallback_is_whole(name: FallbackName, language: str) -> None:
    contacts = LINES.first("US", ("suicide",))
    text = TEXTS.fallback(name, language, emergency=LINES.emergency("US"), contacts=contacts)
    assert "{" not in text
    assert words(text) <= 60
    fails = name in {"screening_failed", "engine_failed", "guard_failed"}
    assert (contacts[0].describe(language) in text) is fails
    assert ("F1" in text) is (fails or name == "model_loading")
    if name == "guard_replaced":
        assert 25 <= words(text) <= 45


def test_a_missing_line_takes_only_its_sentence_away() -> None:
    emergency = LINES.emergency("US")
    two = LINES.first("US", ("suicide",))
    both = TEXTS.crisis("suicide", "high", emergency=emergency, contacts=two)
    one = TEXTS.crisis("suicide", "high", emergency=emergency, contacts=two[:1])
    busy = f"If that line is busy, there is {two[1].describe()}. "
    assert both.replace(busy, "") == one
    assert both != one
    assert TEXTS.fallback("guard_failed") == (
        "I couldn't check my own answer, so I'm not showing it. "
        "You can send your message again or press F1 for help lines."
    )


def test_unknown_words_lead_to_the_general_english_and_imminent_text() -> None:
    emergency, contacts = LINES.emergency("US"), LINES.first("US")
    general = TEXTS.crisis("general", "imminent", "en", emergency=emergency, contacts=contacts)
    assert TEXTS.crisis("grief", "?", "xx", emergency=emergency, contacts=contacts) == general
    calm = TEXTS.care("general", emergency=emergency, contacts=contacts)
    assert TEXTS.care("grief", "xx", emergency=emergency, contacts=contacts) == calm


@pytest.mark.parametrize("name", get_args(EpisodeName))
@pytest.mark.parametrize("language", ["en", "es"])
def test_an_episode_goes_on_with_short_texts(language: str, name: EpisodeName) -> None:
    contacts = LINES.first("US", ("suicide",))
    text = TEXTS.episode(name, language, emergency=LINES.emergency("US"), contacts=contacts)
    assert "{" not in text
    assert words(text) < 75
    assert text.count("?") == (name in {"repeat_again", "denied", "calm", "follow_up"})
    named = text.count(contacts[0].describe(language))
    assert named == (name in {"repeat", "repeat_again", "denied", "calm"})


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_smaller_texts(language: str) -> None:
    assert re.search(r"program", TEXTS.are_you_human(language))
    assert len(re.findall(r"\.", TEXTS.privacy_promise(language))) == 2
    disclosure = TEXTS.disclosure(language)
    for part in (r"not a person|no una persona", r"cannot feel|No puede sentir", "F1"):
        assert re.search(part, disclosure)
    assert (
        "THE AI COMPANION IS A COMPUTER PROGRAM AND NOT A HUMAN BEING. "
        "IT IS UNABLE TO FEEL HUMAN EMOTION."
    ) in TEXTS.new_york(language)


@pytest.mark.parametrize("path", RAW)
def test_placeholders_stand_only_where_they_are_filled(path: str) -> None:
    places = {name for _, name, _, _ in Formatter().parse(RAW[path]) if name is not None}
    assert places <= {"emergency", "contact_first", "contact_second"}
    sentences = re.split(r"(?<=[.?]) +", RAW[path])
    for sentence in sentences:
        if "{contact_second}" in sentence:
            assert "{contact_first}" not in sentence and "{emergency}" not in sentence


BROKEN = {
    "not toml": "version = ",
    "unknown placeholder": SOURCE.replace(
        "there is {contact_second}", "there is {contact_third}", 1
    ),
    "placeholder in plain text": SOURCE.replace(
        'privacy_promise = "', 'privacy_promise = "{emergency} ', 1
    ),
    "empty": re.sub(r'cancelled = ".*"', 'cancelled = " "', SOURCE, count=1),
    "missing fallback": re.sub(r'cancelled = ".*"\n', "", SOURCE, count=1),
    "missing general": SOURCE.replace("crisis.general]", "crisis.anything]"),
    "uneven crisis": SOURCE.replace("[es.crisis.third_party]", "[es.crisis.third]"),
    "uneven care": SOURCE.replace('\neating = "', '\nfood = "', 1),
    "unknown field": SOURCE.replace('version = "1"', 'version = "1"\nmood = "blue"'),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused(text: str) -> None:
    assert Responses.load(SOURCE) == TEXTS
    with pytest.raises(PolicyError, match="fixed texts cannot be used"):
        Responses.load(text)


def test_missing_files_are_a_policy_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PolicyError):
        Responses.load(shipped("safety") / "no_such_file.toml")

    def gone(kind: str) -> object:
        raise MissingPrerequisite("gone")

    monkeypatch.setattr(responses, "shipped", gone)
    Responses.shipped.cache_clear()
    with pytest.raises(PolicyError):
        Responses.shipped()
    Responses.shipped.cache_clear()


def test_shipped_texts_are_read_once() -> None:
    assert Responses.shipped() is Responses.shipped()
