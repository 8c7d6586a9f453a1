"""The reference index: nearest first, one a persona, refused when it is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tide_chat.encoder.scripted import ScriptedEncoder
from tide_chat.errors import RetrievalError
from tide_chat.paths import Paths
from tide_chat.personas import Dialogue, shipped_dialogues, splits
from tide_chat.retrieval.index import MIN_COSINE, ReferenceIndex, corpus_hash
from tide_chat.retrieval.opening import default_references, open_references

DIALOGUES = [
    Dialogue("001", "turn_1", "the fireworks had me on the floor", "reply one"),
    Dialogue("001", "turn_2", "fireworks again on the floor", "reply two"),
    Dialogue("002", "turn_1", "my sister had her baby yesterday", "reply three"),
    Dialogue("003", "turn_1", "fireworks on new year and the floor", "reply four"),
]


@pytest.fixture
def index() -> ReferenceIndex:
    return ReferenceIndex.build(DIALOGUES, ScriptedEncoder(256))


def test_nearest_first_and_one_a_persona(index: ReferenceIndex) -> None:
    found = index.search("the fireworks had me on the floor", count=3)
    assert [passage.id for passage in found] == ["001-turn_1", "003-turn_1"]
    assert found[0].score == pytest.approx(1.0)
    assert found[0].reply == "reply one"


def test_excluded_personas_are_never_brought_up(index: ReferenceIndex) -> None:
    found = index.search("the fireworks had me on the floor", exclude_personas={"001"})
    assert [passage.persona for passage in found] == ["003"]


def test_nothing_is_brought_up_when_nothing_is_near(index: ReferenceIndex) -> None:
    assert index.search("quantum zebra logistics") == ()
    assert index.search("fireworks", count=0) == ()
    assert 0.2 < MIN_COSINE < 0.6


def test_saved_and_loaded_it_answers_the_same(index: ReferenceIndex, tmp_path: Path) -> None:
    index.save(tmp_path)
    loaded = ReferenceIndex.load(tmp_path, ScriptedEncoder(256))
    assert loaded.search("fireworks floor") == index.search("fireworks floor")
    assert loaded.corpus_hash == index.corpus_hash == corpus_hash(DIALOGUES)
    assert len(loaded) == 4


def test_another_encoders_index_is_refused(index: ReferenceIndex, tmp_path: Path) -> None:
    index.save(tmp_path)
    with pytest.raises(RetrievalError, match="another encoder; run: tide-chat references build"):
        ReferenceIndex.load(tmp_path, ScriptedEncoder(64))


@pytest.mark.parametrize("name", ["references.faiss", "passages.jsonl", "index.toml"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\x00rubbish"])
def test_a_damaged_index_is_one_sentence(
    index: ReferenceIndex, tmp_path: Path, name: str, content: bytes | None
) -> None:
    index.save(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RetrievalError, match="run: tide-chat references build"):
        ReferenceIndex.load(tmp_path, ScriptedEncoder(256))


def test_the_shipped_index_holds_the_train_personas_alone(home: Path) -> None:
    encoder = ScriptedEncoder(256)
    index = open_references(Paths.default(), encoder)
    known = splits()
    assert len(index) == len(default_references()) > 0
    for dialogue in shipped_dialogues():
        if known.of(dialogue.persona) != "train":
            found = index.search(dialogue.client, count=5)
            assert dialogue.id not in {passage.id for passage in found}


def test_an_old_or_damaged_index_is_rebuilt_and_an_own_one_kept(home: Path) -> None:
    encoder = ScriptedEncoder(256)
    paths = Paths.default()
    ReferenceIndex.build(DIALOGUES, encoder).save(paths.index)
    assert len(open_references(paths, encoder)) == len(default_references())
    ReferenceIndex.build(DIALOGUES, encoder).save(paths.index)
    (paths.index / "own").touch()
    assert len(open_references(paths, encoder)) == len(DIALOGUES)
    (paths.index / "references.faiss").write_bytes(b"")
    assert len(open_references(paths, encoder)) == len(default_references())
