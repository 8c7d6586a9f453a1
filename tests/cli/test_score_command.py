"""`tide-chat score` from the outside: exit codes, output, interruption; no real model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tide_chat.chat.companion import Companion
from tide_chat.chat.recall import LazyRecall, Recall
from tide_chat.cli import main
from tide_chat.cli.score import _identity, _Lines
from tide_chat.engine.scripted import ScriptedEngine
from tide_chat.errors import EngineError, RetrievalError
from tide_chat.scoring.run import Advance

GOLDEN = Path(__file__).parents[1] / "scoring" / "data" / "golden.jsonl"
KIND = "That sounds heavy, and it makes sense that you feel worn out. What was hardest today?"


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    file = tmp_path / "cases.jsonl"
    rows = [
        {"case_id": f"{n}", "persona": f"p{n}", "user": "I slept badly again", "reference": KIND}
        for n in range(4)
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedEngine]:
    """The engine that `Companion.open` finds on this machine."""
    scripted = ScriptedEngine(default=KIND)
    monkeypatch.setattr(Companion, "open", lambda *_, **__: Companion(scripted))
    yield scripted


def score(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main(["score", *map(str, arguments)])
    return int(left.value.code or 0)


def lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_a_run_and_its_report(
    cases: Path, tmp_path: Path, engine: ScriptedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run.jsonl"
    assert score("run", cases, "--split", "all", "--out", out) == 0
    spec, *samples = lines(out)
    assert spec["mode"] == "companion" and spec["cases"] == 4
    assert [sample["case_id"] for sample in samples] == ["0", "1", "2", "3"]
    assert score("run", cases, "--split", "all", "--out", out) == 0
    assert len(lines(out)) == 5
    capsys.readouterr()
    assert score("report", "--no-cosine", "--json", out) == 0
    shown = json.loads(capsys.readouterr().out)["runs"][0]
    assert (shown["samples"], shown["errors"]) == (4, 0)
    assert shown["metrics"]["rouge_l"]["n"] == 4
    assert shown["metrics"]["cosine"]["mean"] is None
    assert score("report", "--no-cosine", out) == 0
    assert "Shared wording" in " ".join(capsys.readouterr().out.split())


def test_a_bare_run_has_no_more_than_the_model(
    cases: Path, tmp_path: Path, engine: ScriptedEngine
) -> None:
    out = tmp_path / "bare.jsonl"
    assert score("run", cases, "--bare", "--split", "all", "--limit", 1, "--out", out) == 0
    spec, sample = lines(out)
    versions = spec["versions"]
    assert isinstance(versions, dict) and set(versions) == {"prompt"}
    assert (sample["reply"], sample["outcome"]) == (KIND, "bare")
    assert len(engine.history[-1]) == 2


def test_another_specification_and_a_foreign_file_are_refused(
    cases: Path, tmp_path: Path, engine: ScriptedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run.jsonl"
    assert score("run", cases, "--split", "all", "--out", out) == 0
    assert score("run", cases, "--split", "all", "--seed", 9, "--out", out) == 2
    assert "seed differ" in capsys.readouterr().err
    diary = tmp_path / "diary.txt"
    diary.write_text("no log", encoding="utf-8")
    assert score("run", cases, "--split", "all", "--out", diary) == 2
    assert diary.read_text(encoding="utf-8") == "no log"


def test_an_error_is_a_sample_and_the_exit_code_says_so(
    cases: Path, tmp_path: Path, engine: ScriptedEngine
) -> None:
    out = tmp_path / "run.jsonl"
    engine.enqueue(EngineError("no"))
    assert score("run", cases, "--bare", "--split", "all", "--out", out) == 1
    assert lines(out)[1]["error"] == {"stage": "engine", "type": "EngineError"}
    assert lines(out)[1]["reply"] is None
    assert score("run", cases, "--bare", "--split", "all", "--out", out, "--retry-errors") == 0
    assert len(lines(out)) == 6
    assert score("report", "--no-cosine", "--json", out) == 0


def test_a_turn_without_its_references_is_an_error(
    cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chat goes on without them; a score must not, or it measures something else."""

    class Lost(Recall):
        def bring_up(self, *_: object) -> object:  # type: ignore[override]
            raise RetrievalError("gone")

    recall = LazyRecall(lambda: Lost(None, None, {}))
    companion = Companion(ScriptedEngine(default=KIND), recall=recall)
    monkeypatch.setattr(Companion, "open", lambda *_, **__: companion)
    out = tmp_path / "run.jsonl"
    assert score("run", cases, "--split", "all", "--limit", 1, "--out", out) == 1
    assert lines(out)[1]["error"] == {"stage": "retrieve", "type": "degraded"}


def test_bad_lines_are_named_and_the_rest_is_scored(
    cases: Path, tmp_path: Path, engine: ScriptedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    with cases.open("a", encoding="utf-8") as file:
        file.write("my secret\n")
    out = tmp_path / "run.jsonl"
    assert score("run", cases, "--split", "all", "--out", out) == 1
    printed = capsys.readouterr().err
    assert "cases.jsonl line 5: it is not valid JSON" in printed and "secret" not in printed
    assert len(lines(out)) == 5


def test_an_interruption_is_130_and_the_log_goes_on(
    cases: Path, tmp_path: Path, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run.jsonl"
    arguments = ("run", cases, "--bare", "--split", "all", "--out", out)
    stream, asked = engine.stream, []

    def interrupted(*given: object) -> object:
        asked.append(given)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return stream(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(engine, "stream", interrupted)
        assert score(*arguments) == 130
    assert len(lines(out)) == 3
    assert score(*arguments) == 0
    assert [line["case_id"] for line in lines(out)[1:]] == ["0", "1", "2", "3"]


def test_what_is_missing_is_two(tmp_path: Path, engine: ScriptedEngine) -> None:
    assert score("run", tmp_path / "none", "--out", tmp_path / "run.jsonl") == 2
    assert score("run", "shipped") == 2
    assert score("report", "--no-cosine", tmp_path / "none.jsonl") == 2


def test_an_unfinished_or_mixed_log_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = GOLDEN.read_bytes().splitlines(keepends=True)
    out = tmp_path / "short.jsonl"
    out.write_bytes(b"".join(raw[:-1]))
    assert score("report", "--no-cosine", out) == 1
    assert "1 cases are missing" in capsys.readouterr().out


def test_a_file_named_by_its_path_is_hashed_whatever_its_name(tmp_path: Path) -> None:
    """The name of a model on the shelf must not lend its hash to another file."""
    name = "qwen2.5-coder-0.5b-instruct"
    own = tmp_path / f"{name}.gguf"
    own.write_bytes(b"GGUF")
    assert _identity(str(own), name) == (
        "b83633aa785344791618f2fddf131b010ea04912a60430760b070bad293f65bd",
        4,
    )
    sha256, size = _identity(None, name)
    assert sha256 is not None and sha256.startswith("1d9614638d18") and size == 491400064


def test_plain_progress_does_not_flood(capsys: pytest.CaptureFixture[str]) -> None:
    show = _Lines().show
    for done in range(1000):
        show(Advance(done, 1000, float(1000 - done) if done else None))
    show(Advance(1000, 1000, 0.0))
    assert capsys.readouterr().err == "0 of 1000\n1000 of 1000\n"


def test_reporting_loads_no_model_and_no_torch() -> None:
    code = (
        "import sys\nfrom tide_chat.cli import main\n"
        f"try: main(['score', 'report', '--no-cosine', '--json', {str(GOLDEN)!r}])\n"
        "except SystemExit as left: assert not left.code, left.code\n"
        "print({'torch', 'llama_cpp', 'textual'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
