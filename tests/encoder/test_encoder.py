"""The encoder's two runtimes give the same vectors; the light one stays light."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tide_chat.encoder.onnx import GRAPH, RECEIPT, OnnxEncoder
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
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_two_runtimes_are_equal(with_models: Path) -> None:
    """Cosine of at least 0.9999 for every text; sentence-transformers is the reference."""
    from tide_chat.encoder.sentence import SentenceEncoder

    folder = Paths.default().encoder / ENCODER_FOLDER
    light, reference = OnnxEncoder(folder), SentenceEncoder(folder)
    assert light.dimensions == reference.dimensions == 384
    spoken = [text.encode("utf-8", "replace").decode() for text in TEXTS]
    ours, theirs = light.encode(TEXTS), reference.encode(spoken)
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


def test_a_damaged_graph_is_one_sentence(tmp_path: Path, real_encoder: None) -> None:
    (tmp_path / GRAPH).write_bytes(b"not a graph")
    (tmp_path / RECEIPT).write_text('encoder = "x"\ngraph_sha256 = "abc"\n', encoding="utf-8")
    with pytest.raises(EncoderError, match="cannot be loaded; run: tide-chat setup"):
        OnnxEncoder(tmp_path)


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
