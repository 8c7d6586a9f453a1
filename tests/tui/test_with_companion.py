"""The screen over the real companion: only the engine is scripted."""

from __future__ import annotations

from collections.abc import Callable

from tests._helpers import Factory, GatedEngine, running, settle, shown
from tide_chat.chat.companion import Companion
from tide_chat.errors import EngineError
from tide_chat.tui.app import TideApp
from tide_chat.tui.composer import Composer
from tide_chat.tui.help_card import HelpCard
from tide_chat.tui.reply_view import ReplyView

Make = Callable[..., TideApp]

ANSWER = (
    "Eleven times, and someone keeping count, so on top of the fear there is being watched. "
    "What was it like when he told you the number?"
)


def over(engine: GatedEngine | None) -> Factory:
    factory = Factory()
    factory.partner = Companion(engine)
    return factory


async def send(pilot, text: str) -> None:
    composer = pilot.app._chat.query_one(Composer)
    composer.insert(text)
    composer.post_message(Composer.Sent(composer.text))
    await settle(pilot, lambda: bool(pilot.app._chat.query(".you")))


async def test_words_come_sentence_by_sentence_and_a_crisis_at_once(make: Make) -> None:
    engine = GatedEngine(ANSWER)
    app = make(over(engine))
    async with running(app) as pilot:
        await send(pilot, "i checked the locks eleven times last night")
        engine.release(999)
        await settle(pilot, lambda: not app._chat.busy)
        view = app._chat.query_one(ReplyView)
        assert "keeping count" in view.words
        assert view.words.count("Companion") == 0
        asked = engine.asked
        await send(pilot, "I want to end it tonight, I have the pills")
        await settle(pilot, lambda: len(app._chat.query(HelpCard)) == 1)
        assert "988" in shown(app)
        assert engine.asked == asked


async def test_an_engine_that_fails_half_way_leaves_one_card_and_no_empty_reply(
    make: Make,
) -> None:
    class Breaks(GatedEngine):
        def stream(self, messages, sampling, cancel=None):
            yield from list(super().stream(messages, sampling, cancel))[:-1]
            raise EngineError("decode failed")

    engine = Breaks("That was a long night. And then")
    engine.release(999)
    app = make(over(engine))
    async with running(app) as pilot:
        await send(pilot, "i could not sleep")
        await settle(pilot, lambda: len(app._chat.query(HelpCard)) == 1)
        await settle(pilot, lambda: not app._chat.busy)
        assert len(app._chat.query(ReplyView)) == 0


async def test_without_a_model_the_fixed_text_stands_in(make: Make) -> None:
    app = make(over(None))
    async with running(app) as pilot:
        await send(pilot, "the bus was late again")
        await settle(pilot, lambda: len(app._chat.query(HelpCard)) == 1)
        assert "finds words" in " ".join(shown(app).split())
