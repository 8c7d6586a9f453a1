"""A conversation on the screen, from the first word to leaving."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Static

from tests._helpers import CRISIS, FALLBACK, MISSING, Factory, running, settle, shown
from tide_chat.errors import EngineError
from tide_chat.tui import words
from tide_chat.tui.app import TideApp
from tide_chat.tui.chat_screen import ChatScreen
from tide_chat.tui.composer import Composer
from tide_chat.tui.help_card import HelpCard
from tide_chat.tui.help_screen import HelpScreen
from tide_chat.tui.reply_view import ReplyView
from tide_chat.tui.status_line import StatusLine
from tide_chat.tui.transcript import Transcript

Make = Callable[..., TideApp]


def chat(app: TideApp) -> ChatScreen:
    return app._chat


def state(app: TideApp) -> str:
    return chat(app).query_one(StatusLine).state


def replies(app: TideApp) -> list[str]:
    return [view.words.strip() for view in chat(app).query(ReplyView)]


async def send(pilot, text: str) -> None:
    composer = pilot.app._chat.query_one(Composer)
    composer.insert(text)
    composer.post_message(Composer.Sent(composer.text))
    await pilot.pause()


async def test_a_reply_streams_and_the_state_is_said_in_words(make: Make) -> None:
    factory = Factory("Eleven times tonight.")
    app = make(factory)
    async with running(app) as pilot:
        await settle(pilot, lambda: state(app) == "listening")
        await send(pilot, "i checked the [b]locks[/b] eleven times")
        await settle(pilot, lambda: state(app) == "thinking")
        factory.engine.release(2)
        await settle(pilot, lambda: replies(app) == ["Eleven times"])
        assert state(app) == "writing"
        assert "i checked the [b]locks[/b] eleven times" in shown(app)
        factory.engine.release(9)
        await settle(pilot, lambda: not chat(app).busy)
        assert replies(app) == ["Eleven times tonight."]
        assert state(app) == "listening"
        assert app.focused is chat(app).query_one(Composer)


async def test_enter_sends_and_the_composer_is_empty_again(make: Make) -> None:
    factory = Factory("Yes.")
    app = make(factory)
    async with running(app) as pilot:
        await pilot.press("enter")
        assert factory.partner.talks == []
        await pilot.press("h", "i", "enter")
        await settle(pilot, lambda: bool(factory.engine.asked))
        assert factory.partner.talks[0].heard == ["hi"]
        assert chat(app).query_one(Composer).text == ""


@pytest.mark.parametrize("words_first", [False, True], ids=["during the prompt", "during words"])
async def test_escape_stops_a_reply_and_the_chat_goes_on(
    make: Make, clock, words_first: bool
) -> None:
    factory = Factory("Eleven times tonight.", "Here again.")
    app = make(factory)
    async with running(app) as pilot:
        await send(pilot, "first")
        await settle(pilot, lambda: factory.engine.open_now == 1)
        if words_first:
            factory.engine.release(1)
            await settle(pilot, lambda: replies(app) == ["Eleven"])
        await pilot.press("escape")
        await settle(pilot, lambda: not chat(app).busy)
        await settle(pilot, lambda: factory.engine.cancelled == 1)
        assert (words.STOPPED in shown(app)) is words_first
        clock.now += 5
        factory.engine.release(9)
        await send(pilot, "second")
        await settle(pilot, lambda: replies(app)[-1:] == ["Here again."])


async def test_a_message_stopped_before_any_words_comes_back_into_the_composer(make: Make) -> None:
    factory = Factory("Never said.")
    app = make(factory)
    async with running(app) as pilot:
        await send(pilot, "wait, not that")
        await settle(pilot, lambda: factory.engine.open_now == 1)
        await pilot.press("escape")
        await settle(pilot, lambda: not chat(app).busy)
        assert chat(app).query_one(Composer).text == "wait, not that"


async def test_a_second_message_joins_one_that_got_no_word_yet_and_never_overlaps(
    make: Make,
) -> None:
    factory = Factory("One two.", "Three.")
    app = make(factory)
    async with running(app) as pilot:
        await send(pilot, "first")
        await settle(pilot, lambda: factory.engine.open_now == 1)
        await send(pilot, "second")
        factory.engine.release(9)
        await settle(pilot, lambda: factory.engine.asked == 2 and not chat(app).busy)
        assert factory.engine.most_open == 1
        assert factory.engine.cancelled == 1
        assert factory.partner.talks[-1].heard == ["first", "first\nsecond"]
        assert "first" in shown(app) and "second" in shown(app)


async def test_a_crisis_written_during_a_reply_is_answered_at_once(make: Make) -> None:
    """The reply under way is broken off; nobody has to press Esc or wait."""
    factory = Factory("One two three four five.")
    app = make(factory)
    async with running(app) as pilot:
        await send(pilot, "first")
        await settle(pilot, lambda: factory.engine.open_now == 1)
        factory.engine.release(2)
        await settle(pilot, lambda: "One two" in shown(app))
        await send(pilot, "I have the pills")
        await settle(pilot, lambda: CRISIS[:30] in shown(app) and not chat(app).busy)
        assert factory.engine.asked == 1
        assert "One two" in shown(app)


@pytest.mark.parametrize("opens", [True, False], ids=["model loading", "companion opening"])
async def test_a_crisis_is_answered_while_the_model_is_still_loading(
    make: Make, opens: bool
) -> None:
    factory = Factory("unused", ready=False, opens=opens)
    app = make(factory)
    async with running(app) as pilot:
        await settle(
            pilot, lambda: ("loading the model, 40 %" if opens else "starting") in state(app)
        )
        await send(pilot, "i have the pills")
        factory.gate.set()
        await settle(pilot, lambda: len(chat(app).query(HelpCard)) == 1)
        picture = shown(app)
        assert "988" in picture and "911" in picture
        assert CRISIS in picture
        assert factory.engine.asked == 0
        assert replies(app) == []


async def test_a_crisis_message_behind_a_waiting_one_is_answered_after_escape(make: Make) -> None:
    factory = Factory("unused", ready=False)
    app = make(factory)
    async with running(app) as pilot:
        await send(pilot, "hello")
        await settle(pilot, lambda: "your message waits" in state(app))
        await pilot.press("escape")
        chat(app).query_one(Composer).clear()
        await send(pilot, "i have the pills")
        await settle(pilot, lambda: len(chat(app).query(HelpCard)) == 1)


async def test_a_message_sent_while_the_model_loads_waits_visibly_and_is_answered(
    make: Make,
) -> None:
    factory = Factory("Still here.", ready=False)
    app = make(factory)
    async with running(app) as pilot:
        await send(pilot, "hello")
        await settle(pilot, lambda: "your message waits for the model, 40 %" in state(app))
        factory.engine.become_ready()
        factory.engine.release(9)
        await settle(pilot, lambda: replies(app) == ["Still here."])


async def test_what_is_taken_back_is_replaced(make: Make) -> None:
    factory = Factory("You are RETRACT")
    app = make(factory)
    async with running(app) as pilot:
        await send(pilot, "hello")
        factory.engine.release(2)
        await settle(pilot, lambda: replies(app) == ["You are"])
        factory.engine.release(1)
        await settle(pilot, lambda: replies(app) == ["Let me say that another way."])
        assert "You are" not in shown(app).split("Companion")[1]


async def test_a_failing_engine_shows_the_fixed_text(make: Make) -> None:
    app = make(Factory(EngineError("out of memory")))
    async with running(app) as pilot:
        await send(pilot, "hello")
        await settle(pilot, lambda: replies(app) == [FALLBACK])
        assert not chat(app).busy


async def test_a_fault_of_the_turn_shows_help_lines_and_none_of_the_words(make: Make) -> None:
    app = make(Factory())
    async with running(app) as pilot:
        await send(pilot, "FAULT with secret-words")
        await settle(pilot, lambda: len(chat(app).query(HelpCard)) == 1)
        card = chat(app).query_one(HelpCard)
        assert card.words == words.TURN_FAILED
        assert "988" in shown(app)
        assert app.return_code is None


async def test_help_lines_open_before_anything_is_ready(make: Make) -> None:
    factory = Factory(ready=False, opens=False)
    app = make(factory)
    async with running(app) as pilot:
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        picture = shown(app)
        assert "988" in picture and "checked 20" in picture and "cannot call anyone" in picture
        await pilot.press("escape")
        assert app.screen is chat(app)
        factory.gate.set()


async def test_the_help_lines_of_another_country_can_be_looked_at(make: Make, home: Path) -> None:
    app = make(Factory())
    async with running(app) as pilot:
        await pilot.press("f1")
        app.screen.query_one("Select").value = "IE"
        await pilot.pause()
        text = "\n".join(str(line.content) for line in app.screen.query("#lines Static"))
        assert "116 123" in text
    assert not (home / "settings.toml").exists()


async def test_a_missing_model_is_said_in_one_sentence_and_a_crisis_is_still_answered(
    make: Make,
) -> None:
    app = make(Factory(model=False))
    async with running(app) as pilot:
        await settle(pilot, lambda: MISSING[:40] in shown(app))
        assert "no model" in state(app)
        await send(pilot, "hello")
        await settle(pilot, lambda: replies(app) == [FALLBACK])
        await send(pilot, "i have the pills")
        await settle(pilot, lambda: len(chat(app).query(HelpCard)) == 1)


async def test_escape_twice_leaves_from_anywhere_and_wipes(make: Make, clock) -> None:
    app = make(Factory())
    async with running(app) as pilot:
        await pilot.press("escape")
        clock.now += 1.5
        await pilot.press("escape")
        assert app.return_code is None
        await pilot.press("f1")
        clock.now += 5
        await pilot.press("escape", "escape")
    assert app.return_code == 0
    assert app.hidden


async def test_leaving_with_a_reply_in_flight_takes_no_time(make: Make) -> None:
    factory = Factory("A reply that nobody releases.")
    app = make(factory)
    async with running(app) as pilot:
        await send(pilot, "hello")
        await settle(pilot, lambda: factory.engine.open_now == 1)
        started = time.perf_counter()
        await pilot.press("ctrl+q")
    assert time.perf_counter() - started < 1.5
    assert factory.engine.open_now == 0
    assert factory.partner.closed


async def test_the_palette_offers_nothing_that_writes_the_conversation(make: Make) -> None:
    app = make(Factory())
    async with running(app):
        titles = [command.title for command in app.get_system_commands(app.screen)]
    assert titles == ["Help lines", "Light or dark", "Leave"]


async def test_a_paste_of_many_lines_is_kept_whole_and_not_sent(make: Make) -> None:
    factory = Factory()
    app = make(factory)
    async with running(app) as pilot:
        app.post_message(events.Paste("one\r\ntwo\nthree"))
        await pilot.pause()
        composer = chat(app).query_one(Composer)
        assert composer.text.splitlines() == ["one", "two", "three"]
        assert factory.partner.talks == []


async def test_the_composer_grows_to_eight_rows(make: Make) -> None:
    app = make(Factory())
    async with running(app) as pilot:
        composer = chat(app).query_one(Composer)
        assert composer.size.height == 1
        for _ in range(12):
            await pilot.press("x", "ctrl+j")
        assert composer.size.height == 8
        assert composer.text == "x\n" * 12


async def test_the_transcript_stands_still_while_somebody_reads_back(make: Make) -> None:
    factory = Factory(*["word " * 60] * 5)
    app = make(factory)
    factory.engine.release(999)
    async with running(app) as pilot:
        for number in range(4):
            await send(pilot, f"message {number}")
            await settle(pilot, lambda: not chat(app).busy)
        transcript = chat(app).query_one(Transcript)
        assert transcript.is_vertical_scroll_end
        await pilot.press("pageup", "pageup")
        stands = transcript.scroll_y
        assert not transcript.is_vertical_scroll_end
        await transcript.mount(Static("something new\n" * 9))
        await pilot.pause()
        assert transcript.scroll_y == stands


async def test_control_characters_are_shown_to_nobody(make: Make) -> None:
    factory = Factory("fine\x1b[2J\x07 so")
    app = make(factory)
    factory.engine.release(9)
    async with running(app) as pilot:
        await send(pilot, "a\x1b]0;title\x07b")
        await settle(pilot, lambda: replies(app) == ["fine[2J so"])


async def test_nothing_typed_or_answered_is_in_any_file(
    make: Make, home: Path, tmp_path: Path
) -> None:
    factory = Factory("answered-words are here.")
    app = make(factory)
    factory.engine.release(9)
    async with running(app) as pilot:
        await send(pilot, "typed-words and the pills")
        await send(pilot, "typed-words again")
        await settle(pilot, lambda: "answered-words" in "".join(replies(app)))
        chat(app).query_one(Composer).insert("typed-words unsent")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert b"-words" not in path.read_bytes(), path.name
