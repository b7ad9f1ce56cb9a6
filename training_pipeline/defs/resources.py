"""The resources of assets and sensors: the services, and the run's claim on its training job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.defs import interrupts
from training_pipeline.defs.graph import EXTERNAL
from training_pipeline.defs.partitions import ATTEMPT_TAG, JOB_TAG, PHASE_TAG
from training_pipeline.defs.provenance import report_version
from training_pipeline.domain.errors import Conflict, NotFound, PipelineError
from training_pipeline.domain.job import TERMINAL, Phase, TrainingJob
from training_pipeline.domain.lineage import version_of
from training_pipeline.domain.refs import SheetRef
from training_pipeline.infra import advisory_lock
from training_pipeline.training_jobs.lifecycle.claims import lock_key
from training_pipeline.training_jobs.lifecycle.launch import Launcher
from training_pipeline.urls import Urls

SOURCE_SHEET, PROMPT_TEMPLATE, CANONICAL_LABELS = (dg.AssetKey(name) for name in EXTERNAL)

BY_HAND: Final = (
    "This asset is materialized by the run of a training job. Create a job with `create_training_job`; the sensor "
    "`launch_pending_jobs` starts its run."
)


@dataclass(frozen=True)
class JobRun:
    """One run's claim on one phase of one training job, backed by an advisory lock for as long as the run lives."""

    services: Services
    run_id: str
    job_id: str | None
    phase: Phase | None
    attempt: int
    locked: bool
    #: The training sheet as this run has read it, before its first step.
    sheet: SheetRef | None = None
    #: The services' launcher, with what it keeps open between the steps of this run.
    launches: Launcher | None = None

    @property
    def launcher(self) -> Launcher:
        """The steps of the launch."""
        return self.launches or self.services.launcher

    @property
    def links(self) -> Urls:
        """The URLs of the job's pages."""
        return Urls.of(self.services.settings)

    @contextmanager
    def step(self, context: dg.AssetExecutionContext, phase: Phase) -> Iterator[TrainingJob]:
        """The job, if this run may work on it now. An error inside is first recorded with the job, then raised.

        A `PipelineError` becomes a Dagster failure with its message; any other error passes unchanged. That the run was
        interrupted is no error: the sensors see to its job.
        """
        self._require_unfinished(context.partition_key, phase)
        if self.job_id is None or self.phase is not phase or context.partition_key != self.job_id:
            raise dg.Failure(BY_HAND, allow_retries=False)
        if not self.locked:
            raise dg.Failure(f"Another run is already working on training job {self.job_id}.", allow_retries=False)
        begin = self.launcher.begin if phase is Phase.LAUNCH else self.services.finalizer.begin
        try:
            job = begin(self.job_id, self.attempt, run_id=self.run_id)
        except PipelineError as error:  # the claim is not ours, or not known to be: the job is left alone
            raise dg.Failure(str(error), allow_retries=False) from None
        try:
            with interrupts.kept():
                yield job
        except PipelineError as error:
            self.services.failures.raised(phase, self.job_id, self.attempt, error)
            raise dg.Failure(str(error), allow_retries=False) from None
        except dg.Failure:
            raise
        except Exception as error:
            self.services.failures.raised(phase, self.job_id, self.attempt, error)
            raise

    def _require_unfinished(self, job_id: str, phase: Phase) -> None:
        """End the run of a partition whose job has ended, as by a re-execution or a backfill, with one sentence."""
        try:
            job = self.services.store.get(job_id)
        except NotFound:  # a partition that was added by hand
            raise dg.Failure(BY_HAND, allow_retries=False) from None
        except PipelineError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        if job.finalize.done_at is not None or (phase is Phase.LAUNCH and job.status in TERMINAL):
            raise dg.Failure(
                f"Training job {job_id} has ended ({job.status}) and cannot run again: use "
                "`retry_training_job` for a training job that did not succeed, `create_training_job` for a new one.",
                allow_retries=False,
            )


def report_sources(instance: dg.DagsterInstance, job_id: str, sheet: SheetRef) -> None:
    """Report the versions of what the training sheet was made from, for this job's partition. Idempotent."""
    for key, reference in ((SOURCE_SHEET, sheet.sheet.source_sheet), (PROMPT_TEMPLATE, sheet.sheet.prompt_template)):
        metadata: dict[str, str | int] = {
            "name": reference.name or reference.id,
            "version": reference.version or "not stated",
            "id": reference.id,
            "training_sheet": sheet.sheet.id,
        }
        report_version(instance, key, job_id, version_of(reference.id, reference.version), metadata)
    labels: dict[str, str | int] = {
        "labels": sheet.labels.count,
        "digest": sheet.labels.digest,
        "training_sheet": sheet.sheet.id,
    }
    report_version(instance, CANONICAL_LABELS, job_id, sheet.labels.digest, labels)


def make_resources(open_services: Callable[[], Services]) -> dict[str, dg.ResourceDefinition]:
    """`services` and `job_run`; the services are opened when first used, once a process."""
    opened = cache(open_services)

    @dg.resource(description="The parts of this installation: store, service, backend, poller.")
    def services(_: dg.InitResourceContext) -> Services:
        return opened()

    @dg.resource(description="The run's claim on its training job, held by an advisory lock while the run lives.")
    def job_run(context: dg.InitResourceContext) -> Iterator[JobRun]:
        run = context.run
        tags = run.tags if run is not None else {}
        job_id, phase = tags.get(JOB_TAG), tags.get(PHASE_TAG)
        if run is None or job_id is None or phase is None:
            yield JobRun(opened(), "" if run is None else run.run_id, None, None, 0, locked=False)
            return
        parts = opened()
        claim = (run.run_id, job_id, Phase(phase), int(tags[ATTEMPT_TAG]))
        with ExitStack() as stack:
            try:
                stack.enter_context(advisory_lock.hold(parts.database, lock_key(Phase(phase), job_id)))
            except Conflict:
                yield JobRun(parts, *claim, locked=False)
                return
            if phase == Phase.LAUNCH and context.instance is not None:
                launcher = stack.enter_context(parts.launcher.reading_once())
                sheet = _read_sources(launcher, context.instance, job_id, attempt=claim[3], run_id=run.run_id)
                yield JobRun(parts, *claim, locked=True, sheet=sheet, launches=launcher)
                return
            yield JobRun(parts, *claim, locked=True)

    return {"services": services, "job_run": job_run}


def _read_sources(
    launcher: Launcher, instance: dg.DagsterInstance, job_id: str, *, attempt: int, run_id: str
) -> SheetRef | None:
    """Report the external assets before the first step starts, for that is when Dagster reads their versions.

    A claim that is not this run's, or a training sheet that cannot be read, is left to the asset `training_sheet`,
    which says why on the graph: then there is no sheet.
    """
    try:
        with interrupts.kept():
            job = launcher.begin(job_id, attempt, run_id=run_id)
            sheet = launcher.read_sheet(job)
            report_sources(instance, job_id, sheet)
    except PipelineError:
        return None
    return sheet
