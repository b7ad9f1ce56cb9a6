"""The auditor's morning: every command of the script answers, and the manifests alone say the same."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from training_pipeline.app.container import Services
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Revoked
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.system.command_line import Command
from training_pipeline.tracking.mlflow import Tracking

SCRIPTS = Path(__file__).resolve().parents[2] / "docs" / "scripts"
#: What each step has to say, beside an exit code of 0.
SAYS = {
    "models show": "triage version 2",
    "jobs lineage": "p-0003",
    "uses": "triage",
    "jobs diff": "split_predecessor",
    "revocations": "pair p-0003",
    "models decisions": "Nothing was decided",
    "models verify": "It is NOT clean",
}


def test_each_question_is_one_command(command: Command, services: Services, done: TrainingJob) -> None:
    other = succeeded(services)
    asked = Revoked(kind="pair", value="p-0003", training_sheet_id="small")
    services.revocations.revoke(asked, reason="consent withdrawn", actor="grace")
    values = {
        "$MODEL": "triage",
        "$VERSION": "2",
        "$JOB": other.id,
        "$OTHER_JOB": done.id,
        "$SHEET": "small",
        "$PAIR": "p-0003",
    }
    script = (SCRIPTS / "auditors_morning.sh").read_text(encoding="utf-8")
    steps = [shlex.split(line)[1:] for line in script.splitlines() if line.startswith("training-pipeline ")]
    said: dict[str, str] = {}
    for step in steps:
        code, out, err = command(*(values.get(word, word) for word in step))
        name = next(one for one in SAYS if " ".join(step).startswith(one))
        assert code == (2 if name == "models verify" else 0), (step, out, err)
        said[name] = said.get(name, "") + out
    assert said.keys() == SAYS.keys()
    for name, words in SAYS.items():
        assert words in said[name], (name, said[name])


#: Libraries that take seconds to load; no step of the morning has a use for them.
HEAVY = ("dagster", "mlflow", "alembic", "fastapi", "scipy", "torch", "optuna", "databricks")
STEPS = """
import sys
from training_pipeline.cli.app import app, guarded
steps = {steps!r}
codes = [guarded(lambda: app(step, prog_name="training-pipeline")) for step in steps]
print("LOADED", codes, sorted(set({heavy!r}) & set(sys.modules)))
"""


def test_no_step_loads_a_library_that_it_has_no_use_for(services: Services, done: TrainingJob) -> None:
    tracking = services.tracking
    assert isinstance(tracking, Tracking)
    tracking.client.create_registered_model("triage")
    tracking.client.create_model_version("triage", "file:///nowhere")
    other = succeeded(services)
    steps = [
        ["models", "list"],
        ["models", "show", "triage", "2"],
        ["models", "verify", "triage", "2"],
        ["uses", "--pair", "p-0003", "--sheet", "small"],
        ["jobs", "list"],
        ["jobs", "diff", other.id, done.id],
    ]
    script = STEPS.format(steps=steps, heavy=HEAVY)
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    (said,) = [line for line in found.stdout.splitlines() if line.startswith("LOADED")]
    # 2: the run directory of this job was never made, so the files of its model are missing.
    assert said == "LOADED [0, 0, 2, 0, 0, 0] []", found.stderr


#: What judges, trains or serves: to list what is on record none of it is asked.
ENGINES = ("dagster", "duckdb", "pyarrow", "ibis", "mlflow", "torch", "databricks", "pandas", "nicegui", "fastapi")


def test_a_list_loads_no_engine(services: Services, done: TrainingJob) -> None:
    steps = [["jobs", "list"], ["jobs", "show", done.id], ["models", "list"]]
    script = STEPS.format(steps=steps, heavy=(*ENGINES, "numpy", "sqlglot", "scipy", "optuna", "yaml", "httpx2"))
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    (said,) = [line for line in found.stdout.splitlines() if line.startswith("LOADED")]
    assert said == "LOADED [0, 0, 0] []", found.stderr


def test_what_reads_a_manifest_loads_no_pandas(services: Services, done: TrainingJob) -> None:
    other = succeeded(services)
    steps = [
        ["jobs", "diff", other.id, done.id],
        ["jobs", "lineage", done.id],
        ["models", "show", "triage", "2"],
        # The sheet is the one that it was trained on: its pairs are not judged again.
        ["models", "verify", "triage", "2"],
    ]
    script = STEPS.format(steps=steps, heavy=("pandas", "ibis", "sqlglot", "mlflow", "dagster", "scipy"))
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    (said,) = [line for line in found.stdout.splitlines() if line.startswith("LOADED")]
    assert said == "LOADED [0, 0, 0, 2] []", found.stderr


def test_the_manifests_alone_say_the_same(command: Command, services: Services, done: TrainingJob) -> None:
    dataset = done.data.dataset
    assert isinstance(dataset, DatasetRef)
    script = [sys.executable, str(SCRIPTS / "manifests_alone.py"), str(services.settings.datasets)]
    for pair, refused in (("p-0003", False), ("x", True)):
        found = subprocess.run([*script, pair, "small"], capture_output=True, text=True, check=True, timeout=60)
        (row,) = map(json.loads, found.stdout.splitlines())
        answer = json.loads(command("uses", "--pair", pair, "--sheet", "small", "--json")[1])
        (told,) = answer["sheets"][0]["datasets"]
        assert (row["dataset"], row["training_sheet"]) == (told["digest"], "small")
        split = {"train": told["train"], "validation": told["validation"]}
        assert ({row["split"]: 1} if row["split"] else {}) == {name: count for name, count in split.items() if count}
        assert (row["reason"] is not None) is refused
        assert told["refused"] == ({row["reason"]: 1} if refused else {})
        assert (row["reviewed_by"], row["constraints_set_by"]) == ("grace", "sam")
    nothing = subprocess.run([*script, "p-0003", "other"], capture_output=True, text=True, check=True, timeout=60)
    assert nothing.stdout == ""


def test_the_manifests_alone_find_an_example_with_the_key(
    services: Services, done: TrainingJob, tmp_path: Path
) -> None:
    dataset = done.data.dataset
    assert isinstance(dataset, DatasetRef)
    (record,) = services.keys.records()
    example = tmp_path / "example.json"
    example.write_bytes(dataset.train_file.read_bytes().splitlines()[0])
    script = [sys.executable, str(SCRIPTS / "manifests_alone.py"), str(services.settings.datasets), "--example"]
    found = subprocess.run(
        [*script, str(example), str(record.path)], capture_output=True, text=True, check=True, timeout=60
    )
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert (dataset.digest, "train") in {(row["dataset"], row["split"]) for row in rows}
    without = subprocess.run([*script, str(example)], capture_output=True, text=True, check=True, timeout=60)
    assert without.stdout == ""
    assert f"not searched: {dataset.digest}, whose hashes are under the key {record.id}" in without.stderr


def test_the_manifests_alone_say_what_was_trained_on_who_allowed_it_and_what_changed(
    command: Command, services: Services, done: TrainingJob
) -> None:
    asked = Revoked(kind="pair", value="p-0003", training_sheet_id="small")
    services.revocations.revoke(asked, reason="consent withdrawn", actor="grace")
    later = services.store.get(succeeded(services).id)
    old, new = (job.data.dataset for job in (done, later))
    assert isinstance(old, DatasetRef)
    assert isinstance(new, DatasetRef)

    def alone(*words: str) -> dict[str, Any]:
        script = [sys.executable, str(SCRIPTS / "manifests_alone.py"), str(services.settings.datasets), *words]
        found = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60)
        said: dict[str, Any] = json.loads(found.stdout)
        return said

    told = json.loads(command("models", "show", "triage", "2", "--json")[1])
    told_of = services.store.get(told["job_id"]).data.dataset
    assert isinstance(told_of, DatasetRef)
    said = alone("--dataset", told_of.digest)
    assert (said["training_sheet"], sum(said["pairs"].values())) == ("small", told["approvals"]["pairs"])
    for column in ("reviewed_by", "constraints_set_by"):
        assert said[column] == {one["name"]: one["pairs"] for one in told["approvals"][column]}
    page = json.loads(command("jobs", "diff", done.id, later.id, "--json")[1])
    changed = {
        change: sorted(one["pair_id"] for one in page["pairs"] if change in one["changes"])
        for change in ("added", "removed", "moved")
    }
    assert changed["removed"] == ["p-0003"]
    assert alone("--diff", old.digest, new.digest) == changed
