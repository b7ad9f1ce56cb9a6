"""The verbs of the audit export on this installation."""

from __future__ import annotations

from collections.abc import Iterator

from training_pipeline.client.audit.archive import audit
from training_pipeline.client.roles import needs
from training_pipeline.client.services import OnServices
from training_pipeline.domain.access import Role
from training_pipeline.domain.job import TrainingJob as StoredJob


class LocalAudit(OnServices):
    """`Audit` over the services of one installation."""

    @needs(Role.VIEWER)
    def audit_job(self, job_id: str) -> Iterator[bytes]:
        """See `Client`."""
        return self._audit(self._services.jobs.get(job_id))

    @needs(Role.VIEWER)
    def audit_model_version(self, name: str, version: str) -> Iterator[bytes]:
        """See `Client`."""
        return self._audit(self._services.versions.subject(name, version).job)

    def _audit(self, job: StoredJob) -> Iterator[bytes]:
        return audit(
            self._services.store,
            self._services.decisions,
            self._services.promotions,
            job,
            shown=self.shown,
            details=self._details,
            made_by=self.caller.name,
        )
