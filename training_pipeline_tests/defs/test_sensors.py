from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.events import EngineEventData, JobFailureData, RunFailureReason
from dagster._utils.error import serializable_error_info_from_exc_info

from training_pipeline.app.container import Services
from training_pipeline.defs.partitions import run_tags
from training_pipeline.defs.sensors import make_sensors, settle_runs
from training_pipeline.domain.job import JobStatus, Phase
from training_pipeline.infra import advisory_lock
from training_pipeline.testing.polling import until
from training_pipeline.testing.system.dagster_runs import create, launch
from training_pipeline.testing.system.installation import with_parts
from training_pipeline.training_jobs.lifecycle.claims import claim, lock_key


def evaluate(name: str, services: Services, instance: dg.DagsterInstance) -> dg.SensorResult:
    sensor = next(sensor for sensor in make_sensors(5) if sensor.name == name)
    with dg.build_sensor_context(instance=instance, resources={"services": services}) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_pending_jobs_get_a_partition_and_a_run_each_once(services: Services, instance: dg.DagsterInstance) -> None:
    jobs = [create(services), create(services)]
    result = evaluate("launch_pending_jobs", services, instance)
    assert [request.run_key for request in result.run_requests or []] == [f"{job.id}:launch:1" for job in jobs]
    assert [request.partition_key for request in result.run_requests or []] == [job.id for job in jobs]
    added = [key for request in result.dynamic_partitions_requests or [] for key in request.partition_keys]
    assert added == [job.id for job in jobs]
    again = evaluate("launch_pending_jobs", services, instance)
    assert not again.run_requests
    assert again.skip_reason is not None


def test_polling_asks_for_the_finish_once_and_reports_progress_sparingly(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job = create(services)
    launch(services, definitions, instance, job)
    requests: list[dg.RunRequest] = []
    observations: list[object] = []

    def asked() -> bool:
        result = evaluate("poll_training_jobs", services, instance)
        requests.extend(result.run_requests or [])
        observations.extend(result.asset_events or [])
        return bool(requests)

    until(asked, what="the request to finish")
    assert [request.run_key for request in requests] == [f"{job.id}:finalize:1"]
    assert not evaluate("poll_training_jobs", services, instance).run_requests
    assert len(observations) <= 10


class Stuck:
    """What is written to a workspace that does not answer until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun = 0

    def write_due(self) -> int:
        self.begun += 1
        self.let_go.wait(60)
        raise LookupError("secret")


def test_what_is_written_to_a_workspace_keeps_no_job_from_its_finish(
    services: Services,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("training_pipeline.defs.sensors.WRITE_SECONDS", 0.05)
    stuck = Stuck()
    parts = with_parts(services, catalog_lineage=None, actual_costs=stuck)
    sensor = next(sensor for sensor in make_sensors(5) if sensor.name == "poll_training_jobs")

    def tick() -> list[dg.RunRequest]:
        with dg.build_sensor_context(instance=instance, resources={"services": parts}) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        return list(result.run_requests or [])

    job = create(services)
    launch(services, definitions, instance, job)
    until(lambda: [one.run_key for one in tick()] == [f"{job.id}:finalize:1"], what="the request to finish")
    assert stuck.begun == 1, "the next ticks wait for the one that hangs, and begin no other"
    stuck.let_go.set()
    until(lambda: (tick(), "LookupError" in caplog.text)[1], what="the failure in the log")
    assert "secret" not in caplog.text
    until(lambda: (tick(), stuck.begun > 1)[1], what="the next try")


def started_run(
    instance: dg.DagsterInstance, definitions: dg.Definitions, phase: Phase, job_id: str, *, at: float | None = None
) -> str:
    """A run that Dagster believes to be running since `at` (now where left out), though no process does."""
    run = instance.create_run_for_job(definitions.resolve_job_def("launch_training"), tags=run_tags(phase, job_id, 1))
    start = dg.DagsterEvent(event_type_value=dg.DagsterEventType.PIPELINE_START.value, job_name=run.job_name)
    instance.report_dagster_event(start, run.run_id, timestamp=at)
    return run.run_id


def test_a_dead_run_is_reported_and_its_claim_given_back(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "settings", services.settings.model_copy(update={"run_grace_seconds": 0.0}))
    job = create(services)
    claim(services.store, Phase.LAUNCH)
    run_id = started_run(instance, definitions, Phase.LAUNCH, job.id)
    with advisory_lock.hold(services.database, lock_key(Phase.LAUNCH, job.id)):
        assert settle_runs(instance, services) == 0
        assert services.store.get(job.id).launch.claimed_at is not None
    assert settle_runs(instance, services) == 1
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    now = services.store.get(job.id)
    assert (now.status, now.launch.claimed_at) == (JobStatus.PENDING, None)
    services.store.update(job.id, {"launch_after": None})
    assert claim(services.store, Phase.LAUNCH)[0].launch.attempt == 2


def test_a_run_without_its_lock_is_dead_once_it_has_no_news(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Between its lock and its last event lies a moment in which a run that ends well looks dead."""
    hour_ago = time.time() - 3600
    silent, alive = (
        started_run(instance, definitions, Phase.LAUNCH, create(services).id, at=hour_ago) for _ in range(2)
    )
    instance.report_engine_event("about to end", instance.get_run_by_id(alive))
    settle_runs(instance, services)
    found = [instance.get_run_by_id(run_id) for run_id in (silent, alive)]
    assert [run.status for run in found if run] == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED]


def test_a_claim_whose_run_was_never_asked_for_is_given_back_after_the_grace_and_costs_nothing(
    services: Services, instance: dg.DagsterInstance
) -> None:
    job = create(services)
    claim(services.store, Phase.LAUNCH)
    assert settle_runs(instance, services) == 0
    services.store.update(job.id, {"launch_claimed_at": job.created_at.replace(year=2020)})
    assert settle_runs(instance, services) == 1
    now = services.store.get(job.id).launch
    assert (now.attempt, now.uncounted, now.claimed_at) == (1, 1, None)


def unreachable() -> None:
    raise DagsterUserCodeUnreachableError("Could not reach it. gRPC Error code: UNAVAILABLE")


def secretive() -> None:
    raise ValueError("password=hunter2")


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        (
            unreachable,
            "DagsterUserCodeUnreachableError: Could not reach it. gRPC Error code: UNAVAILABLE",
        ),
        (secretive, "ValueError in Dagster"),
        (None, "Run timed out due to taking longer than 180 seconds to start."),
    ],
)
def test_a_run_that_dagster_could_not_start_costs_no_attempt_and_its_cause_is_told(
    failing: Callable[[], None] | None,
    said: str,
    services: Services,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
) -> None:
    """However often that happens: a burst of jobs, or a code server that is away, loses none."""
    job = create(services)
    for attempt in range(1, services.settings.max_attempts + 3):
        claim(services.store, Phase.LAUNCH)
        tags = run_tags(Phase.LAUNCH, job.id, attempt)
        run = instance.create_run_for_job(definitions.resolve_job_def("launch_training"), tags=tags)
        if failing is None:
            timed_out = JobFailureData(error=None, failure_reason=RunFailureReason.START_TIMEOUT)
            instance.report_run_failed(run, said, timed_out)
        else:
            try:
                failing()
            except Exception:  # noqa: BLE001 - as Dagster's daemon does
                error = serializable_error_info_from_exc_info(sys.exc_info())
            instance.report_engine_event("Caught an unrecoverable error", run, EngineEventData.engine_error(error))
            instance.report_run_failed(run)
        assert settle_runs(instance, services) == 1
        now = services.store.get(job.id)
        assert (now.status, now.launch.uncounted, now.launch.claimed_at) == (JobStatus.PENDING, attempt, None)
        event = services.store.events(job.id, limit=1)[0][0].message
        assert f"(its run never started: {said.rstrip('.')}" in event
        assert "does not count" in event
        services.store.update(job.id, {"launch_after": None})


def terminated(instance: dg.DagsterInstance, definitions: dg.Definitions, phase: Phase, job_id: str) -> None:
    """Its run, after somebody terminated it in the UI."""
    run = instance.get_run_by_id(started_run(instance, definitions, phase, job_id))
    assert run is not None
    instance.report_run_canceling(run)
    instance.report_run_canceled(run)


def test_terminating_the_launch_run_before_the_submit_cancels_the_job(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job = create(services)
    claim(services.store, Phase.LAUNCH)
    terminated(instance, definitions, Phase.LAUNCH, job.id)
    assert settle_runs(instance, services) == 1
    now = services.store.get(job.id)
    assert (now.status, now.cancellation.requested_by) == (JobStatus.CANCELLED, "dagster")
    assert settle_runs(instance, services) == 0


def test_terminating_it_after_the_submit_only_gives_the_claim_back(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """The backend may have the job, so its training goes on; `cancel_training_job` is what ends it."""
    job = create(services)
    claim(services.store, Phase.LAUNCH)
    services.store.update(job.id, {"submit_intended_at": job.created_at})
    terminated(instance, definitions, Phase.LAUNCH, job.id)
    assert settle_runs(instance, services) == 1
    now = services.store.get(job.id)
    assert (now.status, now.launch.claimed_at, now.cancellation.requested_at) == (JobStatus.PENDING, None, None)


def test_a_sensor_says_what_it_looked_at(services: Services, instance: dg.DagsterInstance) -> None:
    create(services)
    claim(services.store, Phase.LAUNCH)
    skipped = evaluate("launch_pending_jobs", services, instance).skip_reason
    assert skipped is not None
    assert skipped.skip_message == "No pending training jobs to launch; 1 already being launched."
    sensor = next(sensor for sensor in make_sensors(5) if sensor.name == "watch_training_runs")
    with dg.build_sensor_context(instance=instance, resources={"services": services}) as context:
        said = sensor(context)
    assert isinstance(said, dg.SkipReason)
    assert said.skip_message == "Checked 1 launch and 0 finalize run(s); recovered 0 that ended early."


def test_the_run_that_is_asked_for_can_be_found_by_whom_and_what_it_is_for(
    services: Services, instance: dg.DagsterInstance
) -> None:
    job = create(services)
    request = (evaluate("launch_pending_jobs", services, instance).run_requests or [])[0]
    assert {name: value for name, value in request.tags.items() if name.startswith("training_pipeline/")} == {
        "training_pipeline/job_id": job.id,
        "training_pipeline/training_sheet": "small",
        "training_pipeline/model": "triage",
        "training_pipeline/backend": "local",
        "training_pipeline/requested_by": "ada",
        "training_pipeline/phase": "launch",
        "training_pipeline/attempt": "1",
    }
