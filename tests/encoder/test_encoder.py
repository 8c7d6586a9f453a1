"""The encoder's two runtimes give the same vectors; the light one stays light."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tide_chat.encoder.onnx import GRAPH, RECEIPT, WEIGHTS, OnnxEncoder, prepared
from tide_chat.encoder.runtime import encodable
from tide_chat.encoder.scripted import ScriptedEncoder
from tide_chat.errors import EncoderError, MissingPrerequisite
from tide_chat.paths import Paths
from tide_chat.retrieval.opening import ENCODER_FOLDER

TEXTS = [
    "",
    " ",
    "ok",
    "🙂🙂🙂",
    "no puedo dormir desde el terremoto, cada camión me levanta",
    "\ud800 a lone surrogate",
    "I woke at three and listened to the house. " * 60,
    *(
        f"Message {n}: the bus, the door, the rain on the roof and {n * 7} steps."
        for n in range(48)
    ),
]


@pytest.mark.model
def test_the_two_runtimes_are_equal(with_models: Path) -> None:
    """Cosine of at least 0.9999 for every text; sentence-transformers is the reference."""
    from tide_chat.encoder.sentence import SentenceEncoder

    folder = Paths.default().encoder / ENCODER_FOLDER
    light, reference = OnnxEncoder(folder), SentenceEncoder(folder)
    assert light.dimensions == reference.dimensions == 384
    assert light.name == reference.name == f"{ENCODER_FOLDER}@53aa51172d14"
    ours, theirs = light.encode(TEXTS), reference.encode(TEXTS)
    assert reference.encode([]).shape == light.encode([]).shape == (0, 384)
    assert ours.shape == theirs.shape == (len(TEXTS), 384)
    assert float((ours * theirs).sum(axis=1).min()) >= 0.9999
    assert abs(float((ours * ours).sum(axis=1).max()) - 1.0) < 1e-4


@pytest.mark.model
def test_order_and_batching_change_nothing(with_models: Path) -> None:
    encoder = OnnxEncoder(Paths.default().encoder / ENCODER_FOLDER)
    together = encoder.encode(TEXTS)
    for index in (0, 4, 6, 20):
        alone = encoder.encode([TEXTS[index]])[0]
        assert float((alone * together[index]).sum()) > 0.9999
    assert encoder.encode([]).shape == (0, 384)


@pytest.mark.model
def test_two_megabytes_take_no_longer_than_a_page(with_models: Path) -> None:
    encoder = OnnxEncoder(Paths.default().encoder / ENCODER_FOLDER)
    start = time.perf_counter()
    assert encoder.encode(["the bus was full and loud " * 80_000]).shape == (1, 384)
    assert time.perf_counter() - start < 3.0


@pytest.mark.model
@pytest.mark.slow
def test_an_export_takes_its_place_whole_and_keeps_what_was_there(
    with_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also under warnings as errors and without sockets, as all tests here."""
    from tide_chat.encoder import export

    folder = tmp_path / ENCODER_FOLDER
    kept = shutil.ignore_patterns(GRAPH, RECEIPT)
    shutil.copytree(Paths.default().encoder / ENCODER_FOLDER, folder, ignore=kept)
    before = sorted(path.name for path in folder.iterdir())
    assert not prepared(folder)
    assert export.export_onnx(folder) == folder / GRAPH
    assert prepared(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*before, GRAPH, RECEIPT])
    made = (folder / RECEIPT).read_bytes()
    monkeypatch.setattr(export, "_EQUAL", 1.1)
    with pytest.raises(EncoderError, match="does not agree"):
        export.export_onnx(folder)
    assert prepared(folder) and (folder / RECEIPT).read_bytes() == made


@pytest.mark.model
def test_a_folder_without_a_model_is_one_sentence(tmp_path: Path) -> None:
    from tide_chat.encoder.sentence import SentenceEncoder

    with pytest.raises(EncoderError, match="no sentence encoder"):
        SentenceEncoder(tmp_path)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        SentenceEncoder(tmp_path)


LIGHT = {
    "ask": ["ask", "--small", "--seed", "1", "I slept badly"],
    "screen": ["screen", os.devnull],
    "guard": ["guard", os.devnull],
    "search": ["references", "search", "the fireworks"],
    "chat": ["chat", "--plain", "--small"],
}


@pytest.mark.model
@pytest.mark.parametrize("name", LIGHT)
def test_no_command_of_the_chat_imports_torch(name: str, with_models: Path) -> None:
    code = (
        "import sys, io, contextlib\nfrom tide_chat.cli import main\n"
        "try:\n"
        "    with contextlib.redirect_stdout(io.StringIO()):\n"
        f"        main({LIGHT[name]!r})\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="",
        capture_output=True,
        text=True,
        env={**os.environ, "TIDE_HOME": str(with_models)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_graph_names_the_command(tmp_path: Path, real_encoder: None) -> None:
    with pytest.raises(MissingPrerequisite, match="tide-chat setup"):
        OnnxEncoder(tmp_path)


def receipt(folder: Path, **changes: object) -> None:
    weights, graph = folder / WEIGHTS, folder / GRAPH
    fields: dict[str, object] = {
        "encoder": "x",
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "graph_sha256": hashlib.sha256(graph.read_bytes()).hexdigest(),
        "graph_bytes": graph.stat().st_size,
        **changes,
    }
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in fields.items())
    (folder / RECEIPT).write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / GRAPH).write_bytes(b"not a graph")
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    receipt(tmp_path)
    return tmp_path


def test_a_damaged_graph_is_one_sentence(folder: Path, real_encoder: None) -> None:
    assert prepared(folder)
    with pytest.raises(EncoderError, match="cannot be loaded; run: tide-chat setup"):
        OnnxEncoder(folder)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda at: (at / RECEIPT).unlink(), id="no receipt"),
        pytest.param(lambda at: (at / GRAPH).unlink(), id="no graph"),
        pytest.param(lambda at: (at / RECEIPT).write_bytes(b"\xff="), id="receipt is no TOML"),
        pytest.param(lambda at: (at / RECEIPT).write_text(""), id="receipt is empty"),
        pytest.param(lambda at: receipt(at, graph_sha256=7), id="receipt of other kinds"),
        pytest.param(lambda at: (at / GRAPH).write_bytes(b"not"), id="graph is cut"),
        pytest.param(lambda at: (at / WEIGHTS).write_bytes(b"others"), id="other weights"),
    ],
)
def test_what_is_not_prepared_names_the_command(
    change: Callable[[Path], object], folder: Path, real_encoder: None
) -> None:
    change(folder)
    assert not prepared(folder)
    with pytest.raises(MissingPrerequisite, match="not prepared; run: tide-chat setup"):
        OnnxEncoder(folder)


def test_weights_removed_to_save_room_are_no_objection(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert prepared(folder)


def test_an_altered_graph_of_the_same_size_is_found_at_set_up(folder: Path) -> None:
    (folder / GRAPH).write_bytes(b"NOT A GRAPH")
    assert not prepared(folder)


def test_encodable_is_bounded_and_free_of_lone_surrogates() -> None:
    assert encodable("a\ud800b") == "a?b"
    assert len(encodable("ab " * 1_000_000)) <= 20_000


@pytest.fixture
def real_encoder(no_real_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test of the failures construct the real class, which loads nothing there."""
    monkeypatch.undo()


def test_the_scripted_encoder_is_deterministic_and_unit_length() -> None:
    encoder = ScriptedEncoder()
    vectors = encoder.encode(["rain again", "rain again", "", "bus"])
    assert (vectors[0] == vectors[1]).all()
    assert (abs((vectors * vectors).sum(axis=1) - 1.0) < 1e-5).all()
    assert vectors.shape == (4, encoder.dimensions)
