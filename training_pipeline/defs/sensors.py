"""The sensors that drive training jobs: launch pending jobs, poll running ones, recover from dead runs, and
stop what may no longer be trained on.
"""

# No postponed annotations here: Dagster reads those of what it decorates.
import logging
import math
import time
from concurrent.futures import wait
from datetime import UTC, datetime

import dagster as dg
from dagster._core.events import EngineEventData, JobFailureData

from training_pipeline.app.container import Services
from training_pipeline.defs.jobs import finalize_training, launch_training
from training_pipeline.defs.partitions import (
    ATTEMPT_TAG,
    JOB_TAG,
    PHASE_TAG,
    run_request,
    run_tags,
    training_job_partitions,
)
from training_pipeline.defs.progress import observations
from training_pipeline.domain.errors import Conflict
from training_pipeline.domain.job import Phase, TrainingJob
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.bounded_calls import BoundedCalls
from training_pipeline.training_jobs.lifecycle.claims import claim, claimed, lock_key
from training_pipeline.training_jobs.lifecycle.liveness import Liveness, liveness

ServicesParam = dg.ResourceParam[Services]
#: No more than Dagster asks for within the grace of a claim, also on a machine that is busy.
JOBS_A_TICK = 10
#: Well under the 60 s after which Dagster gives a sensor up.
TICK_SECONDS = 20.0
#: A tick waits so long for what it writes to the workspace; what takes longer goes on beside the next ticks.
WRITE_SECONDS = 10.0
PERMISSIONS_LOCK = "permissions"

_log = logging.getLogger(__name__)


def make_sensors(interval: int) -> list[dg.SensorDefinition]:
    """The four sensors, each at most every `interval` seconds, running by default."""
    beside: BoundedCalls[str, None] = BoundedCalls(1, hung_after=math.inf)

    @dg.sensor(
        job=launch_training,
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Launches each pending training job.",
    )
    def launch_pending_jobs(services: ServicesParam) -> dg.SensorResult:
        """Claim pending jobs, add their partitions, request their runs."""
        jobs = claim(services.store, Phase.LAUNCH, limit=JOBS_A_TICK)
        if not jobs:
            waiting = len(claimed(services.store, Phase.LAUNCH))
            looked = f"No pending training jobs to launch; {waiting} already being launched."
            return dg.SensorResult(skip_reason=dg.SkipReason(looked))
        return dg.SensorResult(
            run_requests=[run_request(Phase.LAUNCH, job) for job in jobs],
            dynamic_partitions_requests=[training_job_partitions.build_add_request([job.id for job in jobs])],
        )

    @dg.sensor(
        job=finalize_training,
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Polls the backends about queued and running training jobs, and starts finalize runs.",
    )
    def poll_training_jobs(context: dg.SensorEvaluationContext, services: ServicesParam) -> dg.SensorResult:
        """Poll, report progress at milestones, request finalize runs; write lineage and costs that are due."""
        seen = services.poller.poll_due(seconds=TICK_SECONDS)
        observed = observations(context.instance, services.store, seen)
        done = claim(services.store, Phase.FINALIZE, limit=JOBS_A_TICK)
        requests = [run_request(Phase.FINALIZE, job) for job in done]
        # A claim without its run is given back after its grace: the runs are asked for before anything is waited for.
        _write_due(services, beside, seconds=0.0 if requests else WRITE_SECONDS)
        if requests:
            return dg.SensorResult(run_requests=requests, asset_events=observed)
        return dg.SensorResult(
            skip_reason=dg.SkipReason(f"Polled {len(seen)} training job(s); none is ready to be finalized."),
            asset_events=observed,
        )

    @dg.sensor(
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Finds launch and finalize runs that ended early, and retries or fails their training jobs.",
    )
    def watch_training_runs(context: dg.SensorEvaluationContext, services: ServicesParam) -> dg.SkipReason:
        """Release dead claims, so that the next attempt follows, or fail the job."""
        launches, finalizes = (len(claimed(services.store, phase)) for phase in Phase)
        settled = settle_runs(context.instance, services)
        return dg.SkipReason(
            f"Checked {launches} launch and {finalizes} finalize run(s); recovered {settled} that ended early."
        )

    @dg.sensor(
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Checks whether the pairs of queued and running training jobs may still be trained on.",
    )
    def watch_permissions(services: ServicesParam) -> dg.SkipReason:
        """Ask the sources about jobs that are due, and stop those whose pairs lost their permission."""
        try:
            with advisory_lock.hold(services.database, PERMISSIONS_LOCK):  # judging takes memory: one at a time
                stopped = services.permission_watch.check_due(seconds=TICK_SECONDS)
        except Conflict:
            return dg.SkipReason("Another process is checking permissions.")
        said = f"asked {', '.join(stopped)} to stop" if stopped else "none had to be stopped"
        return dg.SkipReason(f"Checked the permission of submitted training jobs; {said}.")

    return [launch_pending_jobs, poll_training_jobs, watch_training_runs, watch_permissions]


def _write_due(services: Services, beside: BoundedCalls[str, None], *, seconds: float) -> None:
    """Write lineage and costs that are due in a thread, one at a time, and wait `seconds` for it. Never raises.

    A workspace that does not answer, or a warehouse that starts, keeps no tick from asking for its finalize runs.
    """
    if services.catalog_lineage is None and services.actual_costs is None:
        return

    def write() -> None:
        if services.catalog_lineage is not None:
            services.catalog_lineage.write_due()
        if services.actual_costs is not None:
            services.actual_costs.write_due()

    call = beside.begin("write", "write", write)
    if call is None:
        return
    wait([call.answer], timeout=seconds)
    if call.answer.done() and beside.take(call) and (error := call.answer.exception()) is not None:
        _log.warning("lineage and costs of training jobs could not be written: %s", type(error).__name__)


def settle_runs(instance: dg.DagsterInstance, services: Services) -> int:
    """Fail dead runs and release the claims of runs that ended or are missing. Returns how many. Idempotent."""
    grace = services.settings.run_grace_seconds
    settled = 0
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    for record in instance.get_run_records(started, limit=200):
        tags = record.dagster_run.tags
        if PHASE_TAG not in tags or JOB_TAG not in tags:
            continue
        held = advisory_lock.is_held(services.database, lock_key(Phase(tags[PHASE_TAG]), tags[JOB_TAG]))
        # A run is without its lock for a moment when it has begun and when it is about to end, and then has news.
        if held or time.time() - _last_news(instance, record.dagster_run.run_id) < grace:
            continue
        why = f"The process of this run died; attempt {tags.get(ATTEMPT_TAG)} of its training job was released."
        instance.report_run_failed(record.dagster_run, why)
    for phase in Phase:
        for job in claimed(services.store, phase):
            run = _run(instance, phase, job)
            status = run.dagster_run.status.value if run else None
            since = job.phase(phase).claimed_at or datetime.now(UTC)
            found = liveness(
                status,
                lock_held=advisory_lock.is_held(services.database, lock_key(phase, job.id)),
                seconds=(datetime.now(UTC) - since).total_seconds(),
                grace_seconds=grace,
            )
            if found not in {Liveness.OVER, Liveness.MISSING}:
                continue
            arguments = (phase, job.id, job.phase(phase).attempt)
            if run is None:
                services.failures.never_started(*arguments, why="Dagster was not asked for its run")
            elif run.dagster_run.status is dg.DagsterRunStatus.CANCELED:
                services.failures.terminated(*arguments)
            elif run.start_time is None:
                why = f"its run never started: {cause_of(instance, run.dagster_run.run_id)}"
                services.failures.never_started(*arguments, why=why)
            else:
                why = f"its run ended as {run.dagster_run.status.value.lower()}"
                services.failures.interrupted(*arguments, why=why)
            settled += 1
    return settled


def cause_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why Dagster did not get to start a run, in its own words, without those of other libraries."""
    for record in instance.get_records_for_run(run_id, ascending=False).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        data = event.event_specific_data
        error = data.error if isinstance(data, (EngineEventData, JobFailureData)) else None
        if error is not None:
            said = error.message.strip().partition("\n")[0].removeprefix("dagster._core.errors.")
            return said if said.startswith("Dagster") else f"{error.cls_name or 'an error'} in Dagster"
        if isinstance(data, JobFailureData) and event.message:
            return event.message
    return "Dagster gives no reason"


def _last_news(instance: dg.DagsterInstance, run_id: str) -> float:
    """When the run's latest event was logged, in seconds since 1970."""
    latest = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    return latest[0].timestamp if latest else 0.0


def _run(instance: dg.DagsterInstance, phase: Phase, job: TrainingJob) -> dg.RunRecord | None:
    tags = run_tags(phase, job.id, job.phase(phase).attempt)
    return next(iter(instance.get_run_records(dg.RunsFilter(tags=tags), limit=1)), None)
