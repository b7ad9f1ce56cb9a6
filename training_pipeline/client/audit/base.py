"""The verbs of the audit export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Audit(Protocol):
    """Everything on record, as an archive in pieces. See `Client`."""

    def audit_job(self, job_id: str) -> Iterator[bytes]:
        """Everything on record of a job in any state, and of the version that it registered. No texts of pairs."""

    def audit_model_version(self, name: str, version: str) -> Iterator[bytes]:
        """The archive of the job that registered a model version; see `audit_job`."""
