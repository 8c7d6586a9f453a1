"""The real command in a real pseudo-terminal, without any model on the machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests._helpers import accept, paths_below

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

_CSI = re.compile(r"\x1b\[[0-9;?>=]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>()][A-Z0-9]?")


def environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TIDE_HOME": str(home), "TERM": "xterm-256color", **more}


def chat(
    home: Path, *options: str, rows: int = 24, columns: int = 80, **more: str
) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable,
        ["-m", "tide_chat", "chat", "--country", "US", *options],
        env=environment(home, **more),
        dimensions=(rows, columns),
        encoding="utf-8",
        timeout=30,
    )


def test_the_line_mode_without_a_model(home: Path) -> None:
    child = chat(home, "--plain")
    child.expect("not a person")
    child.expect("Country for the help lines")
    child.sendline("")
    child.expect("Do you want to go on")
    child.sendline("yes")
    child.expect("You: ")
    child.sendline("I want to end it tonight, I have the pills")
    child.expect("988")
    # After the answer, never before it: what is missing and the command that mends it.
    child.expect("Note: .*(tide-chat|make) ")
    child.expect("You: ")
    child.sendline("the bus was late again")
    child.expect("You: ")
    assert "Traceback" not in child.before and "Note: " not in child.before
    child.sendline("/quit")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    for file in home.rglob("*"):
        assert file.is_dir() or b"pills" not in file.read_bytes()


def test_the_screen_without_a_model(home: Path) -> None:
    accept(paths_below(home))
    child = chat(home)
    child.expect("This is software")
    child.expect("no model on this machine")
    child.send("I want to end it tonight, I have the pills\r")
    child.expect("Help from people")
    child.expect("988")
    started = time.perf_counter()
    child.send("\x1b")
    time.sleep(0.3)
    child.send("\x1b")
    child.expect(pexpect.EOF)
    child.close()
    assert time.perf_counter() - started < 2.5
    assert child.exitstatus == 0
    assert child.before.rstrip().endswith("\x1b[2J\x1b[H"), "the terminal was wiped"
    assert "\x1b]2;" not in child.before.replace("\x1b]2;Terminal\x07", "")


def test_a_pipe_or_a_dumb_terminal_gets_the_line_mode(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tide_chat", "chat", "--country", "IE"],
        input="I want to end it tonight, I have the pills\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(home),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("This is software, not a person.")
    assert "112" in done.stdout or "999" in done.stdout
    assert not _CSI.search(done.stdout)
    child = chat(home, TERM="dumb")
    child.expect("Country for the help lines")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_a_country_that_is_none_is_said_in_one_sentence(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tide_chat", "chat", "--country", "Ireland"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(home),
        check=False,
    )
    assert done.returncode == 2
    assert "two letters" in done.stderr and "Traceback" not in done.stderr
