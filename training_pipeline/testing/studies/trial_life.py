"""A study whose trials are trained by nobody: a test says how the loss of each goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from training_pipeline.app.container import Services
from training_pipeline.backends.handles import Handle
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.study import Study, StudyRequest, StudyStatus, Trial, TrialStatus
from training_pipeline.testing.jobs.jobs import ScriptedBackend, point
from training_pipeline.training_jobs.store import metrics
from training_pipeline.tuning import records

#: The losses of a trial after each of its evaluations, by its configuration.
Curve = Callable[[Mapping[str, Any]], Sequence[float]]
DIGEST = "d" * 64


class TrialBackend(ScriptedBackend):
    """Every job runs until it is told to stop, and then is cancelled."""

    def status(self, job_id: str, attempt: int) -> RunState:
        """Running, or cancelled."""
        return RunState(status=JobStatus.CANCELLED if job_id in self.cancelled else JobStatus.RUNNING)


def study_request(name: str = "s", **values: Any) -> StudyRequest:
    """A study on the sheet `small`, of learning rates and ranks; `values` replace its fields."""
    body = {
        "name": name,
        "job": {"training_sheet_id": "small", "model_name": "triage"},
        "space": {"learning_rate": {"low": 1e-5, "high": 1e-2}, "lora_rank": {"choices": [4, 8, 16, 32]}},
        "most_trials": 4,
        **values,
    }
    return StudyRequest.model_validate(body)


def stored_study(services: Services, **values: Any) -> Study:
    """A study that runs, without the dry run that creating one begins with."""
    request = study_request(**values)
    unknown = Estimated(reason="nothing is trained")
    return records.add(
        services.store,
        Study(
            name=request.name,
            request=request,
            status=StudyStatus.RUNNING,
            created_by="ada",
            created_at=records.now(),
            estimate=Estimate(time=unknown, cost=unknown),
        ),
    )


def running(services: Services, study: str) -> list[Trial]:
    """The trials that have a job that has not ended."""
    return [trial for trial in records.trials_of(services.store, study) if trial.status is TrialStatus.RUNNING]


def begin(services: Services, backend: ScriptedBackend, job_id: str, *, digest: str = DIGEST) -> TrainingJob:
    """The job as its backend trains it; nothing happens to one that is there already."""
    store = services.store
    job = store.get(job_id)
    if job.status is JobStatus.PENDING:
        backend.known[(job_id, job.attempt)] = Handle(backend_job_id=job_id, backend_run_id=job_id)
        times = {"submit_intended_at": job.created_at, "launched_at": job.created_at, "dataset_digest": digest}
        store.update(job_id, times)
        job = store.change(store.get(job_id), JobStatus.QUEUED, message="queued") or job
        job = store.change(job, JobStatus.RUNNING, message="running") or job
    return job


def report(services: Services, job_id: str, losses: Sequence[float]) -> None:
    """Store these losses as the job's evaluations so far, one every ten steps."""
    points = [point("val_loss", 10 * number, loss) for number, loss in enumerate(losses, start=1)]
    with services.store.begin() as connection:
        metrics.write_points(connection, {job_id: [point("val_loss", 0, 99.0), *points]})


def end(services: Services, job_id: str, status: JobStatus = JobStatus.SUCCEEDED, **values: Any) -> None:
    """End the job, if it has not."""
    job = services.store.get(job_id)
    if job.status in ACTIVE:
        services.store.change(job, status, message="over", values=values)


def tick(services: Services, backend: ScriptedBackend, study: str, curve: Curve, heard: dict[str, int]) -> None:
    """One evaluation more of every job of the study; one that had all of its curve succeeds. Knows what it did last."""
    for trial in running(services, study):
        job_id = trial.job_id or ""
        job = begin(services, backend, job_id)
        if job.status in ACTIVE and job.cancellation.requested_at is not None:
            services.poller.poll(job_id)
            continue
        if job.status not in ACTIVE:
            continue
        losses = curve(trial.params)
        heard[job_id] = heard.get(job_id, 0) + 1
        report(services, job_id, losses[: heard[job_id]])
        if heard[job_id] >= len(losses):
            end(services, job_id, val_loss=losses[-1])


def over(services: Services, backend: ScriptedBackend, study: str, curve: Curve, *, ticks: int = 400) -> Study:
    """The study at its end."""
    heard: dict[str, int] = {}
    for _ in range(ticks):
        found = services.advance_studies.advance(study)
        if found.ended_at is not None:
            return found
        tick(services, backend, study, curve, heard)
    raise AssertionError(f"the study does not end: {records.trials_of(services.store, study)}")
