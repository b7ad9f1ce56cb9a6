"""The verbs that change training jobs on this installation, and their dry runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from training_pipeline.client.jobs.idempotent import create_once
from training_pipeline.client.roles import needs
from training_pipeline.client.services import OnServices, checked
from training_pipeline.domain.access import Role, require, require_own
from training_pipeline.domain.job import Action
from training_pipeline.schemas.requests import CancelTrainingJob, CreateTrainingJob, RetryTrainingJob, UpdateTrainingJob
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.training_jobs.store.idempotency import body_hash

if TYPE_CHECKING:
    from training_pipeline.client.jobs.base import Created
    from training_pipeline.domain.job import TrainingJob as StoredJob
    from training_pipeline.schemas.training_job import TrainingJob


class LocalJobChanges(OnServices):
    """The part of `LocalJobs` that changes jobs, or says what a change would come to."""

    @needs(Role.OPERATOR)
    def create(self, body: Mapping[str, Any] | CreateTrainingJob, *, idempotency_key: str | None = None) -> Created:
        """See `Client`."""
        request = checked(CreateTrainingJob, body)
        return create_once(
            self._services,
            who=self.caller.name,
            key=idempotency_key,
            body_hash=body_hash("create", request.model_dump(mode="json", exclude_unset=True)),
            create=lambda also: self._services.jobs.create(request, created_by=self.caller.name, also=also),
            shown=self.shown,
        )

    @needs(Role.OPERATOR)
    def plan(self, body: Mapping[str, Any] | CreateTrainingJob) -> DryRun:
        """See `Client`."""
        return DryRun.of(self._services.jobs.plan(checked(CreateTrainingJob, body)))

    @needs(Role.OPERATOR)
    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """See `Client`."""
        asked = checked(CancelTrainingJob, {"reason": reason})
        self._require(Action.CANCEL, job_id)
        return self.shown(self._services.jobs.cancel(job_id, actor=self.caller.name, reason=asked.reason))

    @needs(Role.OPERATOR)
    def annotate(
        self,
        job_id: str,
        *,
        note: str | None = None,
        tags: Collection[str] | None = None,
        add_tags: Collection[str] | None = None,
        remove_tags: Collection[str] | None = None,
    ) -> TrainingJob:
        """See `Client`. Its creator's, and admins'."""
        said = {"tags": tags, "add_tags": add_tags, "remove_tags": remove_tags}
        lists = {name: None if found is None else list(found) for name, found in said.items()}
        asked = checked(UpdateTrainingJob, {"note": note, **lists})
        job = self._services.store.get(job_id)
        require_own(self.caller, job.created_by, f"write on training job {job_id}")
        return self.shown(self._services.jobs.annotate(job_id, actor=self.caller.name, **asked.model_dump()))

    @needs(Role.OPERATOR)
    def finish(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        self._require(Action.FINISH, job_id)
        return self.shown(self._services.jobs.finish(job_id, actor=self.caller.name))

    @needs(Role.OPERATOR)
    def retry(
        self, job_id: str, *, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> Created:
        """See `Client`."""
        stated = _changes(changes)

        def create(also: Any) -> StoredJob:
            self._require(Action.RETRY, job_id)
            return self._services.jobs.retry(job_id, actor=self.caller.name, changes=stated, also=also)

        return create_once(
            self._services,
            who=self.caller.name,
            key=idempotency_key,
            body_hash=body_hash(f"retry {job_id}", stated),
            create=create,
            shown=self.shown,
        )

    @needs(Role.OPERATOR)
    def plan_retry(self, job_id: str, *, changes: Mapping[str, Any] | None = None) -> DryRun:
        """The dry run of `retry`, which the REST API does not have; stores nothing."""
        stated = _changes(changes)
        self._require(Action.RETRY, job_id)
        return DryRun.of(self._services.jobs.plan_retry(job_id, changes=stated))

    @needs(Role.VIEWER)
    def poll(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        self._require(Action.POLL, job_id)
        return self.shown(self._services.jobs.poll(job_id))

    def _require(self, action: Action, job_id: str) -> None:
        # Who created a job never changes, so what is found here still holds when the service acts.
        require(self.caller, action, self._services.store.get(job_id))


def _changes(changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """The keys of training_config to change, with their values, as the REST API would take them."""
    request = checked(RetryTrainingJob, {"training_config": dict(changes or {})})
    return request.training_config.model_dump(exclude_unset=True)
