"""The command line: contracts, exit codes, and sentences in place of tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import MODEL_ID
from tide_chat.cli import cli, main


def call(*args: str, given: str = "") -> Result:
    return CliRunner().invoke(cli, list(args), input=given, standalone_mode=False)


def exits(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(args))
    out, err = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 0), out, err


COMMANDS = ["ask", "chat", "doctor", "guard", "help-lines", "models", "references", "score"]


@pytest.mark.parametrize("name", [*COMMANDS, "screen", "setup"])
def test_every_command_has_help_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = exits(capsys, name, "--help")
    assert code == 0
    if name not in {"models", "references", "score"}:
        assert "xample" in out


def test_the_top_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = exits(capsys, "--help")
    assert code == 0 and all(name in out for name in COMMANDS)
    code, out, _ = exits(capsys, "--version")
    assert code == 0 and "tide-chat" in out


@pytest.mark.parametrize("args", [["nonsense"], ["help-lines", "--nonsense"], ["models", "pull"]])
def test_usage_is_two(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = exits(capsys, *args)
    assert code == 2 and "Traceback" not in err


def test_a_missing_model_is_two_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = exits(capsys, "models", "path", MODEL_ID)
    assert code == 2 and err.count("\n") == 1 and "tide-chat models pull" in err
    code, _, err = exits(capsys, "ask", "I slept badly again")
    assert code == 2 and "tide-chat models pull" in err


def test_a_crisis_is_answered_without_any_model(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = exits(
        capsys, "ask", "--country", "US", "I want to end it tonight, I have the pills"
    )
    assert code == 0 and "988" in out and "911" in out


def test_ask_json_holds_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = exits(capsys, "ask", "--json", "I want to end it tonight, I have the pills")
    record = json.loads(out)
    assert code == 0
    assert record["reply"] and record["outcome"] == "crisis" and record["risk"] == "imminent"
    assert record["usage"]["reused_tokens"] == 0 and "total" in record["timings"]


def test_turns_need_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = exits(capsys, "ask", "--turns", "hello")
    assert code == 2 and "--turns" in err


@pytest.mark.parametrize("country", ["US", "gb", "UK", "IE", "ZZ", "XX"])
def test_help_lines_name_how_to_reach_someone(
    country: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = exits(capsys, "help-lines", "--country", country)
    assert code == 0 and any(character.isdigit() for character in out)
    assert "cannot call anyone" in out
    code, out, _ = exits(capsys, "help-lines", "--country", country, "--json")
    lines = json.loads(out)["lines"]
    assert all(line["source"] and line["checked"] for line in lines)


def test_models_list_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = exits(capsys, "models", "list", "--json")
    rows = json.loads(out)
    assert code == 0 and len(rows) == 17 and not any(row["installed"] for row in rows)


def test_doctor_names_what_is_missing_and_the_mend(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = exits(capsys, "doctor", "--json")
    report = json.loads(out)
    checks = {check["name"]: check for check in report["checks"]}
    assert code == 2 and report["ready"] is False
    assert checks["model"]["state"] == "missing"
    assert checks["model"]["mend"].startswith("tide-chat models pull")
    assert checks["safety policy"]["state"] == "ok"
    code, out, _ = exits(capsys, "doctor")
    assert code == 2 and "cannot start yet" in out


def test_a_broken_settings_file_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    (home / "settings.toml").write_text('country = "nowhere"\n', encoding="utf-8")
    code, _, err = exits(capsys, "help-lines")
    assert code == 2 and err.count("\n") == 1 and "country" in err


def test_a_reader_that_goes_away_is_no_accident() -> None:
    done = subprocess.run(
        f"{sys.executable} -m tide_chat help-lines --country US | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


@pytest.mark.model
def test_ask_with_the_real_model(with_models: Path) -> None:
    """Two turns of one conversation: the second reuses what the first evaluated."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tide_chat",
            "ask",
            "--turns",
            "--json",
            "--small",
            "--seed",
            "4",
            "-",
        ],
        input="I woke at three again\nand then I made tea\n",
        capture_output=True,
        text=True,
        env={**os.environ, "TIDE_HOME": str(with_models)},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["outcome"] in {"model", "repaired", "replaced"} and first["reply"]
    # All but the words a reply was begun with, which go when the guard held that reply back.
    assert second["usage"]["reused_tokens"] >= first["usage"]["prompt_tokens"] - 8
    assert first["versions"]["model"] == MODEL_ID


@pytest.mark.model
def test_doctor_with_the_real_files(with_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = exits(capsys, "doctor", "--json")
    assert code == 0, out
    assert json.loads(out)["ready"] is True


@pytest.mark.model
def test_score_run_killed_and_resumed(with_models: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of a run on the real model; then every sample is there once."""
    import time

    out = tmp_path / "run.jsonl"
    command = [
        *(sys.executable, "-m", "tide_chat", "score", "run", "shipped"),
        *("--model", MODEL_ID, "--split", "test", "--limit", "6", "--out", str(out)),
    ]
    env = {**os.environ, "TIDE_HOME": str(with_models)}
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if out.exists() and out.read_bytes().count(b"\n") >= 3:
            break
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = out.read_bytes().count(b"\n") - 1
    assert 2 <= before < 6
    assert subprocess.run(command, env=env, stderr=subprocess.DEVNULL, check=False).returncode == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    ids = [line["case_id"] for line in lines[1:]]
    assert len(ids) == len(set(ids)) == 6
    report = subprocess.run(
        [sys.executable, "-m", "tide_chat", "score", "report", "--json", str(out)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    metrics = json.loads(report.stdout)["runs"][0]["metrics"]
    assert report.returncode == 0 and metrics["cosine"]["n"] == metrics["rouge_l"]["n"] == 6
