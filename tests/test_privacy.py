"""A whole conversation opens no socket and leaves no word of it in any file, log or error."""

from __future__ import annotations

import builtins
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tide_chat.chat.companion import Companion
from tide_chat.engine.scripted import ScriptedEngine

SECRET = "xylophone-under-the-bridge"
MESSAGES = [
    f"I dreamed of the {SECRET} again",
    f"I want to end it tonight, I have the pills, {SECRET}",
    f"{SECRET} " * 400,
    "ok",
]


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def written(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_nothing_is_written_nor_logged_nor_sent(
    home: Path,
    tmp_path: Path,
    no_sockets: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    opened: list[str] = []
    real_open = builtins.open

    def watching(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if any(letter in mode for letter in "wax+"):
            opened.append(str(file))
        return real_open(file, mode, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", watching)
    caplog.set_level(logging.DEBUG)
    companion = Companion(ScriptedEngine(default=f"There is fear in the {SECRET}."))
    conversation = companion.conversation(country="US")
    for message in MESSAGES:
        reply = conversation.ask(message)
        assert SECRET not in repr(reply.record)
    assert opened == []
    assert SECRET.encode() not in written(tmp_path)
    assert SECRET not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_an_error_at_the_edge_repeats_nobody(home: Path) -> None:
    code = (
        "from tide_chat.cli import main\nimport tide_chat.cli.help_lines as m\n"
        f"def boom(*a, **k):\n    secret = {SECRET!r}\n    raise RuntimeError(secret)\n"
        "m.command.callback = boom\nmain(['help-lines'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "help-lines" in done.stderr


@pytest.mark.model
def test_the_real_program_talks_with_the_network_unplugged(
    with_models: Path, tmp_path: Path
) -> None:
    """Every socket call of the process raises; the reply comes all the same."""
    guard = tmp_path / "sitecustomize.py"
    guard.write_text(
        "import socket\n"
        "def refuse(*a, **k):\n    raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = refuse\nsocket.create_connection = refuse\n"
        "socket.getaddrinfo = refuse\n",
        encoding="utf-8",
    )
    work = tmp_path / "work"
    work.mkdir()
    before = {file: file.stat().st_mtime_ns for file in with_models.rglob("*") if file.is_file()}
    done = subprocess.run(
        [sys.executable, "-m", "tide_chat", "ask", "--turns", "--json", "--small", "-"],
        input="\n".join(MESSAGES[:2]) + "\n",
        capture_output=True,
        text=True,
        cwd=work,
        env={
            **os.environ,
            "TIDE_HOME": str(with_models),
            "PYTHONPATH": str(tmp_path),
            "TMPDIR": str(work),
        },
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""
    assert SECRET.encode() not in written(work)
    after = {file: file.stat().st_mtime_ns for file in with_models.rglob("*") if file.is_file()}
    # A message of these names help lines, which are counted by year (docs/privacy.md).
    changed = {file.name for file in after if after[file] != before.get(file)}
    assert changed <= {"referrals.json", "referrals.json.lock"}
    assert set(before) <= set(after)
