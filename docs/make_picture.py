"""Takes the picture of the chat for the README: `python docs/make_picture.py docs/screen.svg`.

The messages are ours; the replies are the default model's own, as they come with this seed.
Needs the model and the encoder (`tide-chat setup`).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tide_chat.chat.companion import Companion
from tide_chat.paths import Paths
from tide_chat.settings import Settings
from tide_chat.shelf.choose import DEFAULT
from tide_chat.tui.app import make_app
from tide_chat.tui.composer import Composer
from tide_chat.tui.consent import record_consent
from tide_chat.tui.fixed import load_fixed

_COUNTRY = "IE"
_SEED = 4
_MESSAGES = (
    "made it to the shop today. first time on my own since the accident",
    "my wife says i should be over it by now. six years",
)


async def _take(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(data=Paths.default().data, config=Path(folder))
        record_consent(paths, load_fixed(_COUNTRY).version, datetime.now(UTC).date())
        settings = Settings.load(paths).model_copy(update={"country": _COUNTRY})
        opening = partial(Companion.open, DEFAULT, settings=settings, paths=paths, background=True)
        app = make_app(opening, settings, paths, seed=_SEED)
        async with app.run_test(size=(84, 24)) as pilot:
            for said in _MESSAGES:
                app.screen.query_one(Composer).insert(said)
                await pilot.press("enter")
                while app.screen.busy:
                    await asyncio.sleep(0.05)
                await pilot.pause(0.3)
            target.write_text(app.export_screenshot(title="tide-chat"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_take(Path(sys.argv[1])))
