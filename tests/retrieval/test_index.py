"""The reference index: nearest first, one a persona, refused when it is not ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tide_chat.encoder.scripted import ScriptedEncoder
from tide_chat.errors import RetrievalError
from tide_chat.paths import Paths
from tide_chat.personas import Dialogue, shipped_dialogues, splits
from tide_chat.retrieval.index import MIN_COSINE, ReferenceIndex, corpus_hash, origin_of
from tide_chat.retrieval.opening import default_references, open_encoder, open_references

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


def test_an_old_or_damaged_index_is_rebuilt(home: Path) -> None:
    encoder = ScriptedEncoder(256)
    paths = Paths.default()
    ReferenceIndex.build(DIALOGUES, encoder).save(paths.index)
    assert len(open_references(paths, encoder)) == len(default_references())
    (paths.index / "references.faiss").write_bytes(b"")
    assert len(open_references(paths, encoder)) == len(default_references())
    assert ReferenceIndex.load(paths.index, encoder).corpus_hash == corpus_hash(
        default_references()
    )


def test_somebodys_own_index_is_never_replaced(home: Path) -> None:
    encoder = ScriptedEncoder(256)
    paths = Paths.default()
    ReferenceIndex.build(DIALOGUES, encoder).save(paths.index, origin="own")
    assert origin_of(paths.index) == "own"
    assert len(open_references(paths, encoder)) == len(DIALOGUES)
    with pytest.raises(RetrievalError, match="another encoder; run: tide-chat references build"):
        open_references(paths, ScriptedEncoder(64))
    (paths.index / "references.faiss").write_bytes(b"")
    with pytest.raises(RetrievalError, match="damaged; run: tide-chat references build"):
        open_references(paths, encoder)


def test_a_disk_that_cannot_be_written_to_still_gives_references(home: Path) -> None:
    paths = Paths.default()
    paths.index.parent.mkdir(parents=True)
    paths.index.write_text("a file where the folder should be", encoding="utf-8")
    index = open_references(paths, ScriptedEncoder(256))
    assert len(index) == len(default_references())
    with pytest.raises(RetrievalError, match="cannot be written"):
        index.save(paths.index)


def test_a_mixture_of_two_savings_is_noticed(index: ReferenceIndex, tmp_path: Path) -> None:
    index.save(tmp_path)
    other = [*DIALOGUES[:3], Dialogue("009", "turn_1", "the kettle again", "reply five")]
    ReferenceIndex.build(other, ScriptedEncoder(256)).save(tmp_path / "other")
    os.replace(tmp_path / "other" / "passages.jsonl", tmp_path / "passages.jsonl")
    with pytest.raises(RetrievalError, match="damaged"):
        ReferenceIndex.load(tmp_path, ScriptedEncoder(256))


def test_any_text_survives_saving(tmp_path: Path) -> None:
    texts = ["a\u2028b\x85c", "lone \ud800 surrogate", "kettle 🙂\r\n\tno"]
    corpus = [Dialogue(str(n), "t", text, text) for n, text in enumerate(texts)]
    encoder = ScriptedEncoder(256)
    ReferenceIndex.build(corpus, encoder).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    loaded = ReferenceIndex.load(tmp_path, encoder)
    assert [loaded.search(text, count=1)[0].client for text in texts] == texts


def test_an_empty_corpus_and_an_empty_message_bring_nothing_up(index: ReferenceIndex) -> None:
    assert ReferenceIndex.build([], ScriptedEncoder()).search("fireworks") == ()
    assert index.search("") == index.search(" \n") == ()


OFF_TOPIC = [
    "What's the capital of France?",
    "how do I center a div in css",
    "thanks",
    "ok",
    "hello",
    "hi, how are you?",
    "can you write a poem about cats",
    "who won the world cup in 2018",
    "recommend a pasta recipe",
    "fix my python code please",
    "what time is it",
    "tell me a joke",
    "asdf qwer",
    "what model are you?",
    "are you a real person?",
    "I need help with my tax return",
    "translate good morning to Spanish",
    "2+2",
    "what is the weather tomorrow",
    "good night",
    "sell me on bitcoin",
    "yes",
    "no",
    "I don't know",
    "idk",
    "my laptop won't charge",
    "how tall is Mount Everest",
    "the train was on time today",
    "I had pizza for lunch",
    "my team won the game and I'm happy",
]


@pytest.mark.model
def test_the_least_cosine_parts_what_is_near_from_what_is_not(with_models: Path) -> None:
    """The evidence for `MIN_COSINE`, on train messages against the other train personas."""
    encoder = open_encoder(Paths.default())
    train = default_references()
    index = ReferenceIndex.build(train, encoder)
    near = [d for d in train if index.search(d.client, exclude_personas={d.persona})]
    assert len(near) >= 0.6 * len(train)
    strays = [text for text in OFF_TOPIC if index.search(text)]
    assert len(strays) <= 4, strays
    found = index.search("I jumped when the door slammed", count=5)
    assert len({passage.persona for passage in found}) == len(found) > 0
    assert all(passage.score >= MIN_COSINE for passage in found)
