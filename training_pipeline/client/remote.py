"""Everything that can be asked, behind a REST API."""

from __future__ import annotations

from training_pipeline.client.audit.remote import RemoteAudit
from training_pipeline.client.evaluation.remote import RemoteEvaluation
from training_pipeline.client.governance.remote import RemoteGovernance
from training_pipeline.client.jobs.remote import RemoteJobs
from training_pipeline.client.models.remote import RemoteModels
from training_pipeline.client.sheets.remote import RemoteSheets
from training_pipeline.client.studies.remote import RemoteStudies


class RemoteClient(
    RemoteJobs, RemoteSheets, RemoteEvaluation, RemoteModels, RemoteGovernance, RemoteAudit, RemoteStudies
):
    """A `Client` over HTTP."""
