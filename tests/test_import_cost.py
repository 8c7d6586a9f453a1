"""What importing the package, and each light command, must not load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ["torch", "faiss", "llama_cpp", "textual", "sentence_transformers", "onnxruntime", "numpy"]
PROBE = """
import json, sys
{before}
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""


def loaded(code: str, home: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(before=code, heavy=HEAVY)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TIDE_HOME": str(home)},
    )
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def test_importing_the_package_loads_nothing_heavy(home: Path) -> None:
    assert loaded("import tide_chat", home) == []


@pytest.mark.parametrize(
    "command",
    [["help-lines"], ["help-lines", "--json"], ["models", "list"], ["screen", os.devnull]],
)
def test_light_commands_load_nothing_heavy(command: list[str], home: Path) -> None:
    code = (
        "import contextlib, io\nfrom tide_chat.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    main({command!r})\n"
    )
    assert loaded(code, home) == []


def test_the_public_names_are_there_and_sorted() -> None:
    import tide_chat

    assert sorted(tide_chat.__all__, key=str.lower)[0] == "__version__"
    for name in tide_chat.__all__:
        assert getattr(tide_chat, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = tide_chat.Nothing
