"""The verbs of a training job as one caller may use them. What a person asks for, over HTTP or on a page, comes here.

This is the one place where roles and ownership are enforced on jobs; the rules are in `domain.access`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training_pipeline.domain.access import Caller, Role, require, require_role
from training_pipeline.domain.job import Action, TrainingJob
from training_pipeline.domain.training_config import JobRequest
from training_pipeline.training_jobs.lifecycle.dry_run import DryRun
from training_pipeline.training_jobs.lifecycle.service import Also, JobService


@dataclass(frozen=True, slots=True)
class CallersJobs:
    """The service for one caller, who is the actor of everything.

    Raises `Forbidden` where the role does not reach, `NotYours` where the job is somebody else's; else as the service.
    """

    caller: Caller
    service: JobService

    def create(self, request: JobRequest | Mapping[str, Any], *, also: Also | None = None) -> TrainingJob:
        """Create a job; see `JobService.create`."""
        require_role(self.caller, Role.OPERATOR)
        return self.service.create(request, created_by=self.caller.name, also=also)

    def plan(self, request: JobRequest | Mapping[str, Any]) -> DryRun:
        """What `create` would come to; see `JobService.plan`."""
        require_role(self.caller, Role.OPERATOR)
        return self.service.plan(request)

    def get(self, job_id: str) -> TrainingJob:
        """One job; raises `NotFound`."""
        require_role(self.caller, Role.VIEWER)
        return self.service.get(job_id)

    def list(self, **filters: Any) -> tuple[list[TrainingJob], int]:
        """A page of everybody's jobs; see `JobService.list`."""
        require_role(self.caller, Role.VIEWER)
        return self.service.list(**filters)

    def poll(self, job_id: str) -> TrainingJob:
        """Ask the backend now; see `JobService.poll`."""
        self._require(Action.POLL, job_id)
        return self.service.poll(job_id)

    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """Cancel a job; see `JobService.cancel`."""
        self._require(Action.CANCEL, job_id)
        return self.service.cancel(job_id, actor=self.caller.name, reason=reason)

    def retry(self, job_id: str, *, changes: Mapping[str, Any] | None = None, also: Also | None = None) -> TrainingJob:
        """Create a job like one that did not succeed; see `JobService.retry`."""
        self._require(Action.RETRY, job_id)
        return self.service.retry(job_id, actor=self.caller.name, changes=changes, also=also)

    def plan_retry(self, job_id: str, *, changes: Mapping[str, Any] | None = None) -> DryRun:
        """What `retry` would come to; see `JobService.plan_retry`."""
        self._require(Action.RETRY, job_id)
        return self.service.plan_retry(job_id, changes=changes)

    def _require(self, action: Action, job_id: str) -> None:
        # Who created a job never changes, so what is found here still holds when the service acts.
        require(self.caller, action, self.service.get(job_id))
