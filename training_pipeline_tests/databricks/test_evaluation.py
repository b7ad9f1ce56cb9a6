"""Evaluations in a workspace over HTTP: staged, submitted once, followed, read back, and no text of them left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus
from training_pipeline.models.evaluation.results import scores_of
from training_pipeline.models.evaluation.tables import model_evaluations
from training_pipeline.settings import Settings
from training_pipeline.testing.databricks.backend import VOLUME, backend_of, runs_of, workspace_with_volume
from training_pipeline.testing.databricks.evaluations import evaluating_services, texts_in, trained
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.jobs import jobs
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.databricks_workspace.models import registry
from training_pipeline.testing.databricks_workspace.run import Run
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.models.evaluated import SUITE, over
from training_pipeline.testing.soak import drawn
from training_pipeline.testing.trainers.local_backend import until

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(tmp_path: Path, mlflow_server: MlflowServer) -> Iterator[Workspace]:
    with workspace_with_volume(tmp_path / "workspace", mlflow_server) as served:
        yield served


@pytest.fixture
def services(settings: Settings, database: Database, workspace: Workspace) -> Iterator[Services]:
    with evaluating_services(settings, database, workspace) as parts:
        yield parts


def start(services: Services, name: str = "triage", **asked: Any) -> Evaluation:
    return services.evaluations.start(f"main.ml.{name}", "1", SUITE, actor="ada", **asked)


def evaluated(workspace: Workspace) -> list[Run]:
    """The runs that are evaluations."""
    return [run for run in runs_of(workspace) if run.task["task_key"] == "evaluation"]


def now(services: Services, evaluation: Evaluation) -> Evaluation:
    return records.get(services.store, evaluation.id)


def test_a_version_answers_beside_its_base_model_and_the_champion(
    services: Services, workspace: Workspace, settings: Settings
) -> None:
    trained(services)
    trained(services)
    services.tracking.set_alias("main.ml.triage", "champion", "2")
    made = start(services)
    assert [(model.role, model.source) for model in made.asked_models] == [
        ("base", "builtin:tiny"),
        ("tuned", "models:/main.ml.triage/1"),
        ("champion", "models:/main.ml.triage/2"),
    ]
    found = over(services, made, seconds=60)
    assert (found.status, found.error) == (EvaluationStatus.SUCCEEDED, None)
    assert (found.counts.asked, found.counts.evaluated) == (12, 12)
    overall = {(each.model, each.over): each.estimate for each in found.figures or () if each.of is None}
    assert overall[("tuned", None)] == 1.0
    assert overall[("tuned", "champion")] == 1.0
    assert found.scores is not None
    assert scores_of(found.scores["tuned"])["exact_match"].to_pylist() == [1.0] * 12
    path = found.scores["tuned"].path
    assert path == settings.runs / f"{made.id}-1" / "scores" / "tuned.parquet"
    assert path.stat().st_mode & 0o077 == 0
    (run,) = evaluated(workspace)
    assert (run.request["idempotency_token"], run.request["run_name"]) == (
        f"{made.id}-1",
        f"training_pipeline {made.id} attempt 1",
    )
    assert run.request["tasks"][0]["max_retries"] == 0
    assert found.backend_run_id == str(run.run_id)
    assert found.staged_at is None
    assert texts_in(workspace.root / "Volumes") == []
    assert texts_in(workspace.root / "Workspace") == []
    assert texts_in(settings.runs) == []
    told = services.tracking.tags(services.store.get(made.job_id).handles.mlflow_run_id or "")
    assert told  # the run is there
    version = registry(workspace).models["main.ml.triage"][0]
    assert version.tags[f"training_pipeline.evaluation.{SUITE}"].startswith(f"{made.id}: exact_match 1 ")
    metrics = workspace.parts["mlflow"].json("GET", "runs/get", query=f"run_id={version.run_id}")
    logged = {each["key"]: each["value"] for each in metrics["run"]["data"]["metrics"]}
    assert logged[f"evaluation/{SUITE}/exact_match"] == 1.0


def test_questions_lie_in_the_volume_from_the_submit_until_they_are_read(
    services: Services, workspace: Workspace
) -> None:
    trained(services)
    jobs(workspace).wait_seconds = 600
    made = start(services)
    assert texts_in(workspace.root / "Volumes") == []
    services.evaluations.settle_all()
    folder = workspace.path(f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline/evaluations/{made.id}")
    assert texts_in(workspace.root) == [folder / "questions.jsonl"]
    staged = now(services, made)
    assert staged.staged_at is not None
    services.evaluations.settle_all()
    assert (now(services, made).status, now(services, made).message) == (
        EvaluationStatus.QUEUED,
        "Waiting for GPU compute.",
    )
    services.evaluations.cancel("main.ml.triage", "1", made.id)
    assert over(services, made, seconds=60).status is EvaluationStatus.CANCELLED
    assert texts_in(workspace.root) == []
    assert now(services, made).staged_at is None


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "why"),
    drawn(
        [
            ("breaks", "ran out of memory"),
            ("dies", "Program exited with code"),
            ("mute", "left no result in /Volumes/main/ml/training/training_pipeline/evaluations/"),
            ("tampers", "gone or not those that were measured"),
            ("quotes", "is not a file of scores"),
        ]
    ),
)
def test_however_it_ends_no_question_is_left_and_the_cause_is_said(
    services: Services, workspace: Workspace, settings: Settings, name: str, why: str
) -> None:
    trained(services, name)
    found = over(services, start(services, name), seconds=60)
    assert found.status is EvaluationStatus.FAILED
    assert why in str(found.error)
    assert texts_in(workspace.root / "Volumes") == texts_in(settings.runs) == []
    assert now(services, found).staged_at is None


def test_a_run_that_hangs_is_cancelled(services: Services, workspace: Workspace) -> None:
    trained(services, "waits")
    made = start(services, "waits")

    def running() -> bool:
        services.evaluations.settle_all()
        return now(services, made).status is EvaluationStatus.RUNNING

    until(running, "its program", seconds=60)
    services.evaluations.cancel("main.ml.waits", "1", made.id)
    assert over(services, made, seconds=60).status is EvaluationStatus.CANCELLED
    assert texts_in(workspace.root / "Volumes") == []


def test_a_new_process_finds_the_run_by_its_id_and_else_by_its_name(services: Services, workspace: Workspace) -> None:
    trained(services)
    jobs(workspace).wait_seconds = 600
    made = start(services)
    services.evaluations.settle_all()
    services.backend.runs.forget()  # type: ignore[attr-defined]
    calls = len(workspace.calls)
    services.evaluations.settle_all()
    assert "jobs/runs/list" not in [call.name for call in workspace.calls[calls:]]
    with services.store.begin() as connection:  # as if it had died before the id was stored
        connection.execute(update(model_evaluations).values(backend_run_id=None))
    services.backend.runs.forget()  # type: ignore[attr-defined]
    services.evaluations.settle_all()
    assert len(evaluated(workspace)) == 1
    found = backend_of(workspace).find(made.id, 1)
    assert found is not None
    assert found.backend_run_id == str(evaluated(workspace)[0].run_id)
    services.evaluations.cancel("main.ml.triage", "1", made.id)


def test_a_version_that_is_not_there_is_told_before_any_text_leaves(services: Services, workspace: Workspace) -> None:
    trained(services)
    registry(workspace).models["main.ml.triage"].clear()
    found = over(services, start(services), seconds=60)
    assert "Version 1 of main.ml.triage is not in Unity Catalog" in str(found.error)
    assert evaluated(workspace) == []
    assert texts_in(workspace.root) == []


def test_a_grant_that_is_missing_is_waited_for(services: Services, workspace: Workspace) -> None:
    trained(services)
    made = start(services)
    with workspace.without("main.ml.triage", "EXECUTE"):
        services.evaluations.settle_all()
        waiting = now(services, made)
        assert waiting.status is EvaluationStatus.QUEUED
        assert "does not let us look at version 1 of main.ml.triage (403)" in waiting.message
    assert over(services, made, seconds=60).status is EvaluationStatus.SUCCEEDED


def test_questions_that_could_not_be_removed_are_removed_later(services: Services, workspace: Workspace) -> None:
    trained(services, "dies")
    fault = workspace.faults.arm("fs/files/delete", FaultKind.FORBIDDEN, times=None)
    found = over(services, start(services, "dies"), seconds=60)
    assert found.status is EvaluationStatus.FAILED
    assert fault.happened
    assert len(texts_in(workspace.root / "Volumes")) == 1
    assert now(services, found).staged_at is not None
    workspace.faults.clear()
    services.evaluations.settle_all()
    assert texts_in(workspace.root / "Volumes") == []
    assert now(services, found).staged_at is None


def test_a_judge_is_refused(services: Services) -> None:
    trained(services)
    with pytest.raises(InvalidRequest, match="A judge cannot read answers that are given on Databricks") as raised:
        start(services, judge="house")
    assert raised.value.problems[0].pointer == "/judge"


def test_a_model_that_is_only_kept_is_asked_where_its_run_left_it(services: Services, workspace: Workspace) -> None:
    job = trained(services, register=False)
    kept = services.evaluations._kept.start(job.id, SUITE, None, actor="ada")
    assert kept.asked_models[0].source == f"/Volumes/main/ml/training/training_pipeline/runs/{job.id}-1/model"

    def ended() -> Evaluation | None:
        services.evaluations.settle_all()
        found = now(services, kept)
        return found if found.finished_at else None

    found = until(ended, "its end", seconds=60)
    assert (found.status, found.error) == (EvaluationStatus.SUCCEEDED, None)
    assert len(evaluated(workspace)) == 1


def test_the_instructions_of_a_run_hold_no_text(services: Services, workspace: Workspace) -> None:
    trained(services)
    made = start(services)
    over(services, made, seconds=60)
    (file,) = workspace.root.glob(f"Workspace/**/{made.id}-1/hyperparameters.yaml")
    told = json.loads(file.read_text())
    assert told["evaluation"]["base_model"] == "builtin:tiny"
    base, tuned = told["evaluation"]["models"]
    dataset = services.store.get(made.job_id).data.dataset_digest
    assert base["built_in"]["train"]["path"].endswith(f"/datasets/{dataset}/train.jsonl")
    assert tuned["files"] == {"model.safetensors": "0" * 64}


@pytest.mark.timeout(600)
def test_the_program_itself_trains_and_evaluates(settings: Settings, database: Database, workspace: Workspace) -> None:
    """All of it: the very program that was uploaded, a model that it trained and registered, and its base model."""
    with evaluating_services(settings, database, workspace, program=None, http_timeout=30) as services:
        job = trained(services, allow_never_stops=True)
        found = over(services, start(services), seconds=400)
        assert (found.status, found.error) == (EvaluationStatus.SUCCEEDED, None), log_of(workspace)
        assert found.scores is not None
        scores = {role: scores_of(stored) for role, stored in found.scores.items()}
        assert {role: table.num_rows for role, table in scores.items()} == {"base": 12, "tuned": 12}
        losses = {role: table["token_loss"].to_pylist() for role, table in scores.items()}
        assert losses["base"] != losses["tuned"]
        assert all(loss is not None and loss > 0 for each in losses.values() for loss in each)
        assert texts_in(workspace.root / "Volumes") == texts_in(workspace.root / ".runs") == []
        assert b"parcel" not in log_of(workspace).encode()
        # Weights that somebody changed are asked nothing.
        version = workspace.path("/Models/main/ml/triage/1/artifacts/model/config.json")
        version.write_bytes(version.read_bytes() + b" ")
        found = over(services, start(services, base=False), seconds=400)
        assert found.status is EvaluationStatus.FAILED
        assert "is not the one on record (changed, added or gone: config.json)" in str(found.error)
        assert "Nothing was asked" in str(found.error)
        assert texts_in(workspace.root / "Volumes") == []
        assert services.store.get(job.id).status == "succeeded"


def log_of(workspace: Workspace) -> str:
    """What the program of the last run wrote."""
    return jobs(workspace).workers[runs_of(workspace)[-1].run_id].log.read_text()
