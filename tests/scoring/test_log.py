"""The run log: torn lines, resumption, mixed specifications, two writers, a killed process."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from tide_chat.errors import BadInput, EngineError, UserError
from tide_chat.scoring.log import open_log, read_log, spec_hash
from tide_chat.scoring.run import Advance, case_seed, run
from tide_chat.scoring.suite import Case, Suite

SPEC: dict[str, Any] = {"model": "m", "seed": 1, "cases": 4, "machine": {"cores": 2}}


def suite(count: int = 4) -> Suite:
    cases = tuple(Case(f"{n:03d}-t", f"{n % 3}", f"message {n}", "reference") for n in range(count))
    return Suite("tiny", "all", cases)


class Echo:
    """Answers with the message; fails on the cases it is told to."""

    def __init__(self, failing: frozenset[str] = frozenset()) -> None:
        self.failing = failing
        self.asked: list[str] = []

    def reply(self, case: Case, seed: int) -> dict[str, Any]:
        self.asked.append(case.case_id)
        if case.case_id in self.failing:
            raise EngineError("no")
        return {"reply": f"{case.user} é\n", "seed_seen": seed}


def ids(path: Path) -> list[str]:
    return [
        json.loads(line)["case_id"] for line in path.read_text(encoding="utf-8").splitlines()[1:]
    ]


def test_a_run_writes_the_specification_and_every_sample_once(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    seen: list[Advance] = []
    assert run(suite(), Echo(), out, SPEC, seed=5, advance=seen.append) == 0
    first = json.loads(out.read_text().splitlines()[0])
    assert first["kind"] == "spec" and first["spec_hash"] == spec_hash(SPEC)
    assert ids(out) == [case.case_id for case in suite().cases]
    log = read_log(out)
    assert log.problems == () and log.samples[0]["seed"] == case_seed(5, "000-t")
    assert seen[-1] == Advance(4, 4, 0.0)
    assert not Path(f"{out}.lock").exists()


def test_a_line_torn_at_any_byte_is_made_good(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    run(suite(), Echo(), whole, SPEC)
    raw = whole.read_bytes()
    start = raw.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(start, len(raw)):
        torn = tmp_path / "torn.jsonl"
        torn.write_bytes(raw[:cut])
        echo = Echo()
        run(suite(), echo, torn, SPEC)
        assert torn.read_bytes() == raw
        assert echo.asked == ["003-t"]


def test_a_log_torn_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    out.write_bytes(b'{"kind": "spec", "mod')
    run(suite(), Echo(), out, SPEC)
    assert len(ids(out)) == 4


def test_another_specification_is_refused_by_name(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    run(suite(2), Echo(), out, SPEC)
    before = out.read_bytes()
    with pytest.raises(UserError, match="another run: model, seed differ"):
        run(suite(), Echo(), out, SPEC | {"model": "n", "seed": 2})
    assert out.read_bytes() == before


def test_what_differs_inside_is_named_too(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    run(suite(2), Echo(), out, SPEC | {"versions": {"screen": "1", "voice": "1"}})
    with pytest.raises(UserError, match=r"another run: versions\.screen differ"):
        run(suite(), Echo(), out, SPEC | {"versions": {"screen": "2", "voice": "1"}})


def test_another_machine_may_go_on(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    run(suite(2), Echo(), out, SPEC)
    run(suite(), Echo(), out, SPEC | {"machine": {"cores": 64}})
    assert len(ids(out)) == 4


def test_errors_are_samples_and_are_run_again_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    assert run(suite(), Echo(frozenset({"001-t"})), out, SPEC) == 1
    sample = read_log(out).samples[1]
    assert sample["error"] == {"stage": "engine", "type": "EngineError"}
    assert sample["reply"] is None
    echo = Echo()
    run(suite(), echo, out, SPEC)
    assert echo.asked == []
    run(suite(), echo, out, SPEC, retry_errors=True)
    assert echo.asked == ["001-t"]
    log = read_log(out)
    assert len(log.samples) == 4 and log.problems == ()
    assert all(sample["error"] is None for sample in log.samples)


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    with FileLock(f"{out}.lock"), pytest.raises(UserError, match="Another run"):
        run(suite(), Echo(), out, SPEC)


def test_an_interruption_leaves_a_log_that_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"

    class Interrupted(Echo):
        def reply(self, case: Case, seed: int) -> dict[str, Any]:
            if len(self.asked) == 2:
                raise KeyboardInterrupt
            return super().reply(case, seed)

    with pytest.raises(KeyboardInterrupt):
        run(suite(), Interrupted(), out, SPEC)
    assert len(ids(out)) == 2
    run(suite(), Echo(), out, SPEC)
    assert ids(out) == [case.case_id for case in suite().cases]


def test_a_repeated_sample_is_reported(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    run(suite(2), Echo(), out, SPEC)
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join([*lines, lines[-1]]))
    log = read_log(out)
    assert len(log.samples) == 2
    assert log.problems == ("line 4 repeats the case 001-t",)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"kind": "sample"}\n', b"[1]\n"])
def test_what_is_no_log_is_told(tmp_path: Path, content: bytes) -> None:
    out = tmp_path / "run.jsonl"
    out.write_bytes(content)
    with pytest.raises(BadInput, match="no run log"):
        read_log(out)
    with pytest.raises(BadInput, match="cannot be read"):
        read_log(tmp_path / "none.jsonl")


def test_a_log_with_foreign_lines_is_refused_when_resumed(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    out.write_bytes(b"my diary\n")
    with pytest.raises(BadInput, match="no run log"), open_log(out, SPEC):
        pass
    assert out.read_bytes() == b"my diary\n"


@pytest.mark.parametrize("content", [b"my diary", b'{"kind": "sample"', b"\x00\x00"])
def test_a_file_that_is_no_log_is_never_cut(tmp_path: Path, content: bytes) -> None:
    """Without a line end too: it could be taken for a torn first line."""
    out = tmp_path / "diary.txt"
    out.write_bytes(content)
    with pytest.raises(BadInput, match="left as it is"):
        run(suite(), Echo(), out, SPEC)
    assert out.read_bytes() == content


def test_a_specification_torn_at_any_byte_begins_anew(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    run(suite(1), Echo(), whole, SPEC)
    raw = whole.read_bytes()
    for cut in range(raw.index(b"\n") + 1):
        torn = tmp_path / "torn.jsonl"
        torn.write_bytes(raw[:cut])
        run(suite(1), Echo(), torn, SPEC)
        assert torn.read_bytes() == raw


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        run(suite(), Echo(), tmp_path, SPEC)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        run(suite(), Echo(), tmp_path / "file" / "run.jsonl", SPEC)


def test_samples_of_another_run_are_reported(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    run(suite(1), Echo(), first, SPEC)
    run(suite(2), Echo(), second, SPEC | {"seed": 2})
    joined = first.read_bytes() + second.read_bytes().splitlines(keepends=True)[2]
    first.write_bytes(joined)
    assert read_log(first).problems == ("line 3 is a sample of another run",)


def test_brackets_without_end_are_one_bad_line(tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    run(suite(1), Echo(), out, SPEC)
    with out.open("ab") as file:
        file.write(b"[" * 200_000 + b"\n")
    assert read_log(out).problems == ("line 3 is not whole",)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(
    st.dictionaries(
        TEXTS, st.tuples(TEXTS, TEXTS, st.none() | st.just({"stage": "engine", "type": "E"}))
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: dict[str, tuple[str, str, dict[str, str] | None]],
) -> None:
    out = tmp_path_factory.mktemp("trip") / "run.jsonl"
    samples = [
        {"case_id": name, "user": user, "reply": None if error else reply, "error": error}
        for name, (user, reply, error) in rows.items()
    ]
    half = len(samples) // 2
    for part in (samples[:half], samples[half:]):
        with open_log(out, SPEC) as log:
            for sample in part:
                log.add(sample)
    log = read_log(out)
    kept = {"kind": "sample", "spec_hash": spec_hash(SPEC)}
    assert list(log.samples) == [sample | kept for sample in samples]
    assert log.problems == ()


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run.jsonl"
    run(suite(1), Echo(), out, SPEC)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UserError, match="No space left on device"):
        run(suite(), Echo(), out, SPEC)
    monkeypatch.undo()
    run(suite(), Echo(), out, SPEC)
    assert len(ids(out)) == 4


KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.scoring.test_log import Echo, SPEC, suite
from tide_chat.scoring.run import run

class Slow(Echo):
    def reply(self, case, seed):
        time.sleep(0.01)
        return super().reply(case, seed)

run(suite(60), Slow(), Path({out!r}), SPEC)
"""


@pytest.mark.slow
def test_killed_at_random_moments_every_sample_is_there_once(tmp_path: Path) -> None:
    """SIGKILL, again and again, until the run is through."""
    out = tmp_path / "run.jsonl"
    code = KILLED.format(root=str(Path(__file__).parents[2]), out=str(out))
    moments = random.Random(7)
    kills = 0
    while True:
        process = subprocess.Popen([sys.executable, "-c", code])
        deadline = time.monotonic() + 60
        while not out.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if kills < 6:
            time.sleep(0.35 + moments.random() * 0.2)
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
            if process.returncode == 0:
                break
            continue
        assert process.wait(60) == 0
        break
    assert kills >= 1
    log = read_log(out)
    assert log.problems == ()
    assert sorted(s["case_id"] for s in log.samples) == [c.case_id for c in suite(60).cases]
    assert len(ids(out)) == 60
