from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.databricks import program
from training_pipeline.databricks.program import Places
from training_pipeline.testing.trainers.local_backend import submission

ROOT = Path(__file__).parents[2]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128), st.integers(1, 10**6))
def test_a_token_is_short_enough_and_names_the_attempt(job_id: str, attempt: int) -> None:
    token = program.idempotency_token(job_id, attempt)
    assert 0 < len(token) <= program.TOKEN_LENGTH
    assert token == program.idempotency_token(job_id, attempt)
    assert token != program.idempotency_token(job_id, attempt + 1)


def test_the_requirements_are_the_versions_that_are_tested() -> None:
    constraints = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    lines = program.requirements()
    pinned = dict(line.split("==") for line in lines)
    assert pinned == {name: constraints[name] for name in pinned}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["local"]
    assert {re.split(r"[<>=]", line)[0] for line in extras} <= pinned.keys()


def test_secrets_are_staged_by_name_as_the_official_command_line_does() -> None:
    assert "secret_env_vars.json" not in program.code_files(program.training_program(), {}, "/Workspace/x")
    files = program.code_files(program.training_program(), {}, "/Workspace/x", secrets={"HF_TOKEN": "ml/hf/token"})
    staged = [{"name": "HF_TOKEN", "secret_scope": "ml", "secret_key": "hf/token"}]
    assert json.loads(files["secret_env_vars.json"]) == staged
    assert list(files)[-1] == "command.sh"


def test_the_program_is_packed_whole_and_reproducibly() -> None:
    packed = program.packed(program.training_program())
    assert packed == program.packed(program.training_program())
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    started, registered = "program/databricks/worker.py", "program/databricks/served_chat.py"
    assert {"program/__main__.py", started, "program/training/train.py", registered} <= set(names)


def test_the_instructions_hold_no_secret_and_every_place() -> None:
    places = Places("/Volumes/main/ml/training/training_pipeline", "/Workspace/Users/me/training_pipeline")
    asked = submission("tj-9", digest="d9").model_copy(update={"register_as": "main.ml.triage"})
    told = program.instructions(asked, places, source="owner/model", train_sha256="a", validation_sha256="b")
    assert told["files"]["train_file"] == {"path": f"{places.volume}/datasets/d9/train.jsonl", "sha256": "a"}
    assert told["gpus"] == asked.config.accelerator_count
    assert told["result_dir"] == f"{places.volume}/runs/tj-9-1"
    assert told["register"]["name"] == "main.ml.triage"
    assert told["register"]["tags"]["training_pipeline.job_id"] == "tj-9"
    assert told["config"]["base_model"] == "owner/model"
    assert not {"accelerator", "accelerator_count", "timeout_minutes"} & told["config"].keys()
    unregistered = asked.model_copy(update={"register_as": None})
    assert (
        program.instructions(unregistered, places, source="s", train_sha256="", validation_sha256="")["register"]
        is None
    )


def test_an_evaluation_has_a_place_a_task_and_a_mark_of_its_own() -> None:
    places = Places("/Volumes/main/ml/training/training_pipeline", "/Workspace/Users/me/training_pipeline")
    told = program.evaluation_instructions(
        "ev-9", places, models=[{"role": "tuned"}], base_model="owner/model", questions_sha256="a", gpus=1
    )
    folder = f"{places.volume}/evaluations/ev-9"
    assert (told["result_dir"], told["gpus"]) == (folder, 1)
    assert told["evaluation"]["questions"] == {"path": f"{folder}/questions.jsonl", "sha256": "a"}
    assert (program.task("ev-9"), program.task("tj-9")) == ("evaluation", "fine_tuning")
    assert program.mark("ev-9", 1) == "Evaluation by training_pipeline: job=ev-9 attempt=1"
    assert places.run("tj-9", 2) == f"{places.volume}/runs/tj-9-2"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A code folder whose program tells where it was started from."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "__main__.py").write_text("import sys; print(sys.argv[1:])")
    folder = tmp_path / "code"
    folder.mkdir()
    for name, content in program.code_files(source, {"a": 1}, str(folder)).items():
        (folder / name).write_bytes(content)
    return folder


def start(script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.run(
        ["bash", str(script)], env={"PATH": path, **environment}, capture_output=True, text=True, timeout=60
    )


def test_the_script_finds_its_files_wherever_a_worker_has_them(code: Path, tmp_path: Path) -> None:
    given = code / "hyperparameters.yaml"
    assert json.loads(given.read_text()) == {"a": 1}
    assert str(given) in start(code / "command.sh", HYPERPARAMETERS_PATH=str(given)).stdout
    assert str(given) in start(code / "command.sh").stdout
    elsewhere = tmp_path / "script.sh"
    elsewhere.write_bytes((code / "command.sh").read_bytes())
    assert str(given) in start(elsewhere, HYPERPARAMETERS_PATH="/elsewhere/hyperparameters.yaml").stdout
    (code / "program.zip").unlink()
    lost = start(elsewhere)
    assert lost.returncode == 2
    assert str(code) in lost.stderr


def test_only_the_first_node_trains(code: Path) -> None:
    done = start(code / "command.sh", NODE_RANK="1")
    assert (done.returncode, done.stdout) == (0, "")
