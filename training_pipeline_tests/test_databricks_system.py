"""Whole jobs on Databricks, by sensors alone: a real training, and a daemon that is killed at the worst moments.

TOUR_IMAGES names a directory for the screenshots of docs/databricks.md, TOUR_PAIRS a file of questions and answers to
train on: see scripts/tour_databricks.py.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.testing.databricks.backend import STAND_IN_WORKER, workspace_with_volume
from training_pipeline.testing.databricks.sheet_tables import PAIRS, SOURCE, head, put_heads, put_pairs
from training_pipeline.testing.databricks.system import DatabricksSystem, databricks_system
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.jobs import jobs
from training_pipeline.testing.databricks_workspace.lineage import lineage
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.databricks_workspace.tables import tables
from training_pipeline.testing.polling import until
from training_pipeline.testing.sheets.pairs import Row, chat, pair
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.ui.dagster_ui import dagster_ui
from training_pipeline.training_jobs.store import metrics

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if "TOUR_IMAGES" in os.environ else 900)]

SHEET = "school-maths"


@pytest.fixture(scope="module")
def images() -> Path | None:
    directory = os.environ.get("TOUR_IMAGES")
    return Path(directory) if directory else None


def pairs() -> list[Row]:
    """The first 500 of the file that was named, else some made up; all of them may be trained on."""
    file, many = os.environ.get("TOUR_PAIRS"), bool(os.environ.get("TOUR_IMAGES"))
    if not file:
        sums = range(200 if many else 20)
        return [pair(number, messages=chat(f"What is {number} + 1?", str(number + 1))) for number in sums]
    with Path(file).open(encoding="utf-8") as lines:
        read = [json.loads(line) for line, _ in zip(lines, range(500), strict=False)]
    return [pair(number, messages=chat(row["question"], row["answer"])) for number, row in enumerate(read)]


@pytest.fixture(scope="module")
def system(
    prepared: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
    mlflow_server: MlflowServer,
    warm_python: WarmPython,
) -> Iterator[DatabricksSystem]:
    directory = tmp_path_factory.mktemp("databricks")
    with workspace_with_volume(directory / "workspace", mlflow_server) as workspace:
        sources = {"source_table": SOURCE, "sheet_name": "Exercises", "template_name": "Worked answers"}
        put_heads(workspace, [head(SHEET, name="School maths", **sources)])
        rows = pairs()
        put_pairs(workspace, rows, [SHEET] * len(rows))
        tables(workspace).put(SOURCE, tables(workspace).select(f"SELECT pair_id FROM {PAIRS}", {}))
        with databricks_system(workspace, directory / "up.out", prepared, warm_python) as running:
            yield running


def api(system: DatabricksSystem, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the REST API answers; a POST where there is a body."""
    url = f"http://127.0.0.1:{system.settings.api_port}/api/v1/training{path}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def create(system: DatabricksSystem, **values: Any) -> str:
    asked = {"training_sheet_id": SHEET, "model_name": "maths", "base_model": "builtin:tiny", **values}
    return str(api(system, "/jobs", asked)["id"])


@pytest.mark.filterwarnings("ignore:.*ype hint")  # MLflow 3.17 warns of its own hints where it is imported
def test_sensors_alone_take_a_job_from_a_table_to_a_registered_version(
    system: DatabricksSystem, images: Path | None
) -> None:
    more = {"evaluations_per_epoch": 4} if images else {"exact_match_questions": 2}
    config = {"epochs": 2, "allow_never_stops": True, **more}
    job_id = create(system, training_config=config)
    job, run, version = system.succeeded(job_id, seconds=800)
    total = len(pairs())
    assert (job.data.total_pairs, job.data.train_pairs, job.data.val_pairs) == (total, total * 0.8, total * 0.2)
    assert (job.result.uc_model_name, job.result.uc_model_version) == ("main.ml.maths", "1")
    assert version.tags["training_pipeline.job_id"] == job.id
    frame = metrics.series(system.services.store, job.id)
    assert frame["train_loss"].notna().sum() >= 2
    assert frame["val_loss"].notna().sum() >= 2
    assert frame["epoch"].notna().all()
    pages_lead_to_the_workspace(system, job, f"{system.workspace.url}/?o=", run.run_id)
    until(lambda: len(lineage(system.workspace).edges()) == 3, seconds=120, what="the lineage in Unity Catalog")
    ours = f"external_metadata:training_pipeline_{job.id}"
    edges = {(f"table:{SOURCE}", ours), (f"table:{PAIRS}", ours), (ours, "model_version:main.ml.maths@1")}
    assert lineage(system.workspace).edges() == edges
    import mlflow.pyfunc

    loaded = mlflow.pyfunc.load_model(str(system.workspace.path("/Models/main/ml/maths/1")))
    asked = [{"role": "user", "content": "What is 3 + 1?"}]
    (answer,) = loaded.predict(pd.DataFrame({"messages": [asked]}), params={"max_new_tokens": 4})
    assert isinstance(answer, str)
    if images is not None:
        take_pictures(system, job, images)
    else:
        answered = system.services.backend.answers(job.id, job.attempt)
        assert len(answered) == 2
        assert {each.expected for each in answered} <= {row["messages"][1]["content"] for row in pairs()}


def pages_lead_to_the_workspace(system: DatabricksSystem, job: TrainingJob, workspace: str, run_id: int) -> None:
    """The REST API and Dagster link the run and the model version there."""
    told = api(system, f"/jobs/{job.id}")
    assert told["backend_run_url"].startswith(workspace)
    assert told["backend_run_url"].endswith(f"/runs/{run_id}")
    assert told["model_url"].startswith(f"{system.workspace.url}/explore/data/models/main/ml/maths/version/1")
    for asset, shown in {"training_metrics": "backend_run_url", "fine_tuned_model": "model_url"}.items():
        chosen = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[job.id])
        materialization = system.instance.fetch_materializations(chosen, limit=1).records[0].asset_materialization
        assert materialization is not None
        urls = {value.value for value in materialization.metadata.values() if isinstance(value, dg.UrlMetadataValue)}
        assert told[shown] in urls


def take_pictures(system: DatabricksSystem, job: TrainingJob, images: Path) -> None:
    """What the docs show: the graph of the job's partition, its figures and its page, and a second job beside it."""
    with dagster_ui(f"http://127.0.0.1:{system.port}", images) as ui:
        ui.show_graph()
        ui.asset("fine_tuned_model", partition=job.id)
        ui.sees("model_page")
        ui.picture("model")
        ui.show_loss_curve(job.id)
        for tab in ("", "metrics"):
            ui.page.goto(f"http://127.0.0.1:{system.settings.api_port}/train/jobs/{job.id}/{tab}".rstrip("/"))
            ui.sees("Loss" if tab else "Databricks run").scroll_into_view_if_needed()
            ui.picture(f"job-{tab or 'overview'}")
        system.succeeded(create(system, training_config={"epochs": 1, "allow_never_stops": True}), seconds=900)
        ui.asset("training_metrics", view="overview")
        ui.click("Plots")
        ui.page.locator("canvas").first.wait_for()
        ui.page.get_by_text("val_loss", exact=True).first.scroll_into_view_if_needed()
        ui.picture("plots")


@pytest.mark.nightly
def test_a_daemon_killed_around_the_submit_leaves_one_run_of_each_job(system: DatabricksSystem) -> None:
    """Of two jobs one has been submitted without a reply, the other with one that is not stored yet."""
    jobs(system.workspace).program = STAND_IN_WORKER
    faults = system.workspace.faults
    faults.slow_seconds = 600.0
    faults.arm("jobs/runs/submit", FaultKind.NO_REPLY)
    faults.arm("jobs/runs/submit", FaultKind.SLOW_REPLY)
    both = [create(system), create(system)]
    until(lambda: all(system.runs(job_id) for job_id in both), seconds=200, what="both submits")
    with system.held_events() as is_waited_for:
        faults.slow_seconds = 0.0
        until(is_waited_for, seconds=120, what="the handle of one job")
        system.kill()
    for job_id in both:
        job = system.job(job_id)
        assert (job.status, job.handles.backend_run_id) == ("pending", None)
        assert job.handles.submit_intended_at is not None
    system.up()
    for job_id in both:
        job, _, _ = system.succeeded(job_id)
        assert job.launch.attempt == 2
