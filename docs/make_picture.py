"""Takes the picture of the chat for the README: `python docs/make_picture.py docs/screen.svg`.

The exchange is ours and scripted; the screen is the real one.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tide_chat.paths import Paths
from tide_chat.settings import Settings
from tide_chat.tui.app import make_app
from tide_chat.tui.composer import Composer
from tide_chat.tui.consent import record_consent
from tide_chat.tui.fixed import load_fixed
from tide_chat.types import (
    CancelToken,
    Event,
    Released,
    Replied,
    Reply,
    Risk,
    Screened,
    Screening,
    TurnRecord,
)

_COUNTRY = "IE"
_EXCHANGE = (
    (
        "made it through the whole supermarket today. even the tinned aisle.",
        "Even the tinned aisle. You say it in passing, and it sounds like the part that cost the "
        "most. A place like that can keep its alarm long after the day itself is over, so walking "
        "down it takes more than shopping takes. What do you want to remember about how you did "
        "it?",
    ),
    (
        "i held the trolley like a railing. then sat in the car for twenty minutes",
        "A railing, and then twenty minutes with nothing asked of you. Holding on inside and "
        "letting go in the car may be one piece of work, and the second half took the time it "
        "took. What, if anything, went quiet first once the door was shut?",
    ),
)


class _Talk:
    def stream(self, text: str, cancel: CancelToken | None = None) -> Iterator[Event]:
        screening = Screening(Risk.NONE)
        yield Screened(screening)
        answer = dict(_EXCHANGE)[text]
        yield Released(answer)
        record = TurnRecord("model", screening)
        yield Replied(Reply(answer, "model", Risk.NONE, record))


class _Partner:
    engine = object()

    def conversation(
        self,
        *,
        country: str | None,
        language: Literal["en", "es"] = "en",
        seed: int | None = None,
    ) -> _Talk:
        return _Talk()

    def warm(self) -> None:
        pass

    def close(self) -> None:
        pass


def _open(*, without_model_ok: bool) -> _Partner:
    return _Partner()


async def _take(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder), Path(folder))
        record_consent(paths, load_fixed(_COUNTRY).version, datetime.now(UTC).date())
        settings = Settings.load(paths).model_copy(update={"country": _COUNTRY})
        app = make_app(_open, settings, paths)
        async with app.run_test(size=(84, 26)) as pilot:
            for said, _ in _EXCHANGE:
                composer = app.screen.query_one(Composer)
                composer.insert(said)
                await pilot.press("enter")
                while app.screen.busy:
                    await asyncio.sleep(0.02)
                await pilot.pause(0.3)
            target.write_text(app.export_screenshot(title="tide-chat"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_take(Path(sys.argv[1])))
