"""The verbs of the audit export behind a REST API."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from training_pipeline.client.http import OverHttp


class RemoteAudit(OverHttp):
    """`Audit` over HTTP. What goes wrong midway is raised: then the pieces so far are no archive."""

    def audit_job(self, job_id: str) -> Iterator[bytes]:
        """See `Client`."""
        return self._service.download(f"/jobs/{quote(job_id, safe='')}/audit")

    def audit_model_version(self, name: str, version: str) -> Iterator[bytes]:
        """See `Client`."""
        return self._service.download(f"/model-versions/{quote(name, safe='')}/{quote(version, safe='')}/audit")
