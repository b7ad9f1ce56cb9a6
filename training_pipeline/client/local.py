"""Training jobs of this installation, without HTTP: what the routes of the REST API do, done in this process."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from training_pipeline.api.routes import events as event_routes
from training_pipeline.api.routes import jobs as job_routes
from training_pipeline.api.routes import lineage as lineage_routes
from training_pipeline.api.routes import metrics as metric_routes
from training_pipeline.app.container import Services, open_services
from training_pipeline.app.readiness import daemon_runs
from training_pipeline.cli.user import caller
from training_pipeline.client.base import Notice, Pairs, Update
from training_pipeline.client.idempotent import created_once
from training_pipeline.domain import job as domain
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.job import TERMINAL, JobStatus
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.requests import CreateTrainingJob, RetryTrainingJob
from training_pipeline.schemas.training_job import TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.lifecycle.authorized import CallersJobs
from training_pipeline.training_jobs.lifecycle.service import refused
from training_pipeline.training_jobs.store import idempotency
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP
from training_pipeline.training_jobs.urls import Addresses

LOOK_SECONDS: Final = 1.0

M = TypeVar("M", bound=BaseModel)


@contextmanager
def open_local_jobs() -> Iterator[LocalJobs]:
    """The jobs of the configured installation, prepared where it is not yet. Raises `Unavailable`."""
    from training_pipeline.cli.system.environment import prepare_environment

    settings = Settings()
    prepare_environment(settings)
    services = open_services(settings)
    try:
        yield LocalJobs(services)
    finally:
        services.store.engine.dispose()


class LocalJobs:
    """A `JobsClient` over the services of this installation."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._caller = caller()
        self._jobs = CallersJobs(self._caller, services.jobs)
        self._at = Addresses.of(services.settings)

    def create(self, body: Mapping[str, Any], *, idempotency_key: str | None = None) -> TrainingJob:
        """See `JobsClient`."""
        request = _checked(CreateTrainingJob, body)
        answer, _ = created_once(
            self._services,
            self._caller,
            key=idempotency_key,
            asked=idempotency.body_hash("create", request.model_dump(mode="json", exclude_unset=True)),
            create=lambda also: self._jobs.create(request, also=also),
        )
        return TrainingJob.model_validate_json(answer.body)

    def plan(self, body: Mapping[str, Any]) -> DryRun:
        """See `JobsClient`."""
        return DryRun.of(self._jobs.plan(_checked(CreateTrainingJob, body)))

    def list(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingJobPage:
        """See `JobsClient`."""
        with _parameters():
            return job_routes.list_training_jobs(
                self._jobs,
                self._caller,
                self._at,
                training_sheet_id=training_sheet_id,
                status=[*statuses],
                created_by=created_by,
                page=None,
                page_size=page_size,
                cursor=cursor,
            )

    def get(self, job_id: str) -> TrainingJob:
        """See `JobsClient`."""
        return job_routes.get_training_job(self._jobs, self._caller, self._at, job_id)

    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """See `JobsClient`."""
        return TrainingJob.of(self._jobs.cancel(job_id, reason=reason), self._caller, self._at)

    def retry(
        self, job_id: str, *, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> TrainingJob:
        """See `JobsClient`."""
        request = _checked(RetryTrainingJob, {"training_config": dict(changes or {})})
        stated = request.training_config.model_dump(exclude_unset=True)
        answer, _ = created_once(
            self._services,
            self._caller,
            key=idempotency_key,
            asked=idempotency.body_hash(f"retry {job_id}", stated),
            create=lambda also: self._jobs.retry(job_id, changes=stated, also=also),
        )
        return TrainingJob.model_validate_json(answer.body)

    def events(self, job_id: str, *, page_size: int = 50, cursor: str | None = None) -> TrainingJobEventPage:
        """See `JobsClient`."""
        with _parameters():
            return event_routes.get_training_job_events(
                self._services, job_id, page=None, page_size=page_size, cursor=cursor
            )

    def metrics(
        self, job_id: str, *, from_step: int | None = None, to_step: int | None = None, resolution: int = 500
    ) -> TrainingJobMetrics:
        """See `JobsClient`."""
        return metric_routes.get_training_job_metrics(
            self._services,
            job_id,
            from_step=FIRST_STEP if from_step is None else from_step,
            to_step=LAST_STEP if to_step is None else to_step,
            resolution=resolution,
        )

    def lineage(
        self, job_id: str, *, pairs: Pairs | None = None, page_size: int = 1000, cursor: str | None = None
    ) -> TrainingJobLineage:
        """See `JobsClient`."""
        with _parameters():
            return lineage_routes.get_training_job_lineage(
                self._services, job_id, pairs=pairs, page_size=page_size, cursor=cursor
            )

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        """See `JobsClient`. Where no daemon of Dagster works on the jobs, it does the work itself."""
        driving = not daemon_runs(self._services)
        if driving and self.get(job_id).status not in TERMINAL:
            yield Notice(
                "No daemon of Dagster is at work here, so this command drives the job itself; "
                "what is left of it when you stop waits for `training-pipeline up`."
            )
        seen: set[int] = set()
        last: TrainingJob | None = None
        for found in self._driven(job_id) if driving else self._looks(job_id):
            job = TrainingJob.of(found, self._caller, self._at)
            # Newest first, and from where they are known: an event may be stored after one with a higher id.
            fresh = [event for event in self.events(job_id).events if event.id > after and event.id not in seen]
            yield from reversed(fresh)
            seen.update(event.id for event in fresh)
            if last is None or job != last:
                yield job
            last = job

    def _looks(self, job_id: str) -> Iterator[domain.TrainingJob]:
        while True:
            job = self._services.store.get(job_id)
            yield job
            if job.status in TERMINAL:
                return
            time.sleep(LOOK_SECONDS)

    def _driven(self, job_id: str) -> Iterator[domain.TrainingJob]:
        from training_pipeline.cli.system.driver import driven
        from training_pipeline.cli.system.installation import installation

        with installation(self._services.settings) as (services, instance):
            yield from driven(services, instance, job_id)


def _checked(model: type[M], body: Mapping[str, Any]) -> M:
    """The body as the REST API would take it: a text is not taken for a number."""
    try:
        return model.model_validate(dict(body))
    except ValidationError as error:
        raise refused(error) from None


@contextmanager
def _parameters() -> Iterator[None]:
    """What a route finds wrong with a parameter, such as a cursor, is an `InvalidRequest`."""
    try:
        yield
    except RequestValidationError as error:
        found = problems_from_validation([{**one, "loc": one["loc"][1:]} for one in error.errors()])
        raise InvalidRequest("The request cannot be accepted as it is.", problems=found) from None
