"""What Dagster promises of training jobs, with its real daemon and webserver; one running system for all of it."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from training_pipeline.datasets.store import read_dataset, verify
from training_pipeline.defs.partitions import run_tags
from training_pipeline.defs.provenance import asset_records, input_versions
from training_pipeline.domain.job import JobStatus, Phase, TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.testing.polling import until
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.running_system import ASSETS, RunningSystem, temporary_state
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.trainers.local_backend import starts
from training_pipeline.training_jobs.lifecycle.provenance import disagreements
from training_pipeline.training_jobs.store import lineage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

BACKFILL = """mutation ($parameters: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $parameters) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
LAUNCH = """mutation ($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) { __typename } }"""
TERMINATE = "mutation ($run: String!) { terminateRun(runId: $run) { __typename } }"
SELECTOR = {"repositoryLocationName": "training_pipeline", "repositoryName": "__repository__"}


@pytest.fixture(scope="module")
def system(
    prepared: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython
) -> Iterator[RunningSystem]:
    """With a read-only webserver beside the writable one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    output = tmp_path_factory.mktemp("up") / "up.out"
    with (
        temporary_state(prepared) as state,
        closing(RunningSystem(state, output, python=warm_python, steps=20, seconds_per_step=0.1)) as running,
    ):
        running.environment |= {
            "TRAINING_PIPELINE_READ_ONLY_HOST": "127.0.0.1",
            "TRAINING_PIPELINE_READ_ONLY_PORT": str(port),
        }
        template = {"id": "other", "name": "Other", "version": "v9"}
        labelled = rows(30, canonical_label_id="label-1", label_allowed_uses=["training", "validation"])
        for number, row in enumerate(labelled):
            row["canonical_label_id"] = f"label-{number}"
        write_sheet(running.settings.sheets, "other", labelled, prompt_template=template)
        running.up()
        yield running


def ask(port: int, query: str, **variables: Any) -> dict[str, Any]:
    """What a webserver answers to a GraphQL query."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    assert "errors" not in found, found["errors"]
    data: dict[str, Any] = found["data"]
    return data


def create(system: RunningSystem, sheet: str) -> TrainingJob:
    return system.services.jobs.create({"training_sheet_id": sheet, "model_name": f"m-{sheet}"}, created_by="ada")


def succeeded(system: RunningSystem, job: TrainingJob) -> TrainingJob:
    return system.until(
        job.id, lambda now: now.status is JobStatus.SUCCEEDED and now.finalize.done_at, "the success", 400
    )


def four_records(system: RunningSystem, job: TrainingJob, template: str, labels: int) -> None:
    """Dagster, the lineage record, the manifest and MLflow's tags say the same, and of the job's own sheet."""
    services = system.services
    record = lineage.read(services.store, job.id)
    dataset = read_dataset(Path(record.dataset_path))
    verify(dataset)
    tags = services.finalizer.tags(services.store.get(job.id))
    materialized = asset_records(system.instance, [dg.AssetKey(name) for name in ASSETS], job.id)
    inputs = input_versions(system.instance, dg.AssetKey("training_sheet"), job.id)
    result = services.backend.result(job.id, job.attempt)
    found = disagreements(
        record,
        materialized=materialized,
        inputs=inputs,
        dataset=dataset,
        tags=tags,
        result=result,
        config=job.request.training_config,
    )
    assert found == []
    assert set(materialized) == set(ASSETS)

    assert record.training_sheet_id == job.request.training_sheet_id
    assert f"{record.template_id}@{record.template_version}" == template
    assert materialized["prompt_template"].data_version == template
    assert tags["training_pipeline.prompt_template"] == template
    assert tags["training_pipeline.training_sheet_id"] == job.request.training_sheet_id
    assert tags["training_pipeline.canonical_labels"] == materialized["canonical_labels"].data_version
    manifest = read_manifest(dataset)
    assert manifest["canonical_label_id"].nunique() == labels
    assert required(job.data.dataset, "dataset").sheet_digest == materialized["training_sheet"].data_version


def test_two_jobs_on_two_sheets_are_each_traced_to_their_own_before_and_after_a_restart(system: RunningSystem) -> None:
    first, second, third = create(system, "small"), create(system, "other"), create(system, "small")
    done = {job.id: succeeded(system, job) for job in (first, second, third)}
    expected = {"small": ("triage@v2", 0), "other": ("other@v9", 30)}
    for job in done.values():
        four_records(system, job, *expected[job.request.training_sheet_id])
    system.interrupt()
    system.up()
    for job in done.values():
        four_records(system, job, *expected[job.request.training_sheet_id])


def test_terminating_the_launch_run_before_the_submit_cancels_the_job(system: RunningSystem) -> None:
    job = create(system, "small")
    with system.held_events():  # its launch waits when it has judged the pairs
        runs = dg.RunsFilter(tags=run_tags(Phase.LAUNCH, job.id, 1), statuses=[dg.DagsterRunStatus.STARTED])
        until(lambda: system.instance.get_runs(runs), seconds=240, what="the launch run")
        run = system.instance.get_runs(runs)[0]
        ask(system.port, TERMINATE, run=run.run_id)
    until(lambda: system.job(job.id).status is JobStatus.CANCELLED, seconds=240, what="the cancel")
    now = system.job(job.id)
    assert now.cancellation.requested_by == "dagster"
    assert "terminated in Dagster" in (now.cancellation.reason or "")
    assert system.services.backend.find(job.id, 1) is None


@pytest.mark.nightly
def test_a_backfill_of_a_finished_job_never_submits_again_and_says_what_to_do(system: RunningSystem) -> None:
    job = succeeded(system, create(system, "small"))
    parameters = {
        "assetSelection": [{"path": ["training_sheet"]}, {"path": ["governed_pairs"]}],
        "partitionNames": [job.id],
        "fromFailure": False,
        "tags": [],
    }
    answer = ask(system.port, BACKFILL, parameters=parameters)["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    wanted = dg.RunsFilter(tags={"dagster/backfill": answer["backfillId"]}, statuses=[dg.DagsterRunStatus.FAILURE])
    until(lambda: system.instance.get_runs(wanted), seconds=240, what="the end of the backfill")
    run = system.instance.get_runs(wanted)[0]
    failures = [
        entry.dagster_event.step_failure_data.user_failure_data
        for entry in system.instance.all_logs(run.run_id)
        if entry.dagster_event is not None and entry.dagster_event.is_step_failure
    ]
    assert len(failures) == 1
    assert failures[0] is not None
    said = failures[0].description or ""
    assert f"Training job {job.id} has ended (succeeded)" in said
    assert "retry_training_job" in said
    directory = system.services.backend._runs.of(job.id, 1)  # type: ignore[attr-defined]
    assert len(starts(directory)) == 1
    assert system.job(job.id) == job


@pytest.mark.nightly
def test_runs_are_found_by_job_sheet_model_backend_and_person(system: RunningSystem) -> None:
    job = succeeded(system, create(system, "other"))
    for tag, value in {
        "training_sheet": "other",
        "model": "m-other",
        "backend": "local",
        "requested_by": "ada",
        "job_id": job.id,
        "attempt": "1",
    }.items():
        runs = system.instance.get_runs(dg.RunsFilter(tags={f"training_pipeline/{tag}": value}))
        assert {job.launch.run_id, job.finalize.run_id} <= {run.run_id for run in runs}, tag


def test_whoever_comes_from_outside_may_look_and_not_touch(system: RunningSystem) -> None:
    port = int(system.environment["TRAINING_PIPELINE_READ_ONLY_PORT"])
    assert ask(port, "{ version }")["version"]
    config = {"ops": {"create": {"config": {"training_sheet_id": "small", "model_name": "x", "requested_by": "eve"}}}}
    parameters = {"selector": {**SELECTOR, "pipelineName": "create_training_job"}, "runConfigData": config}
    answer = ask(port, LAUNCH, parameters=parameters)
    assert answer["launchRun"]["__typename"] == "UnauthorizedError"
    assert system.services.jobs.list(created_by="eve")[1] == 0
