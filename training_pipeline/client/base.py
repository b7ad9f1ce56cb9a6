"""The one way in for every face: the REST API, the pages, the command line, Dagster's Launchpad.

Every client answers with the models of the OpenAPI document, so that a script may change from one to the other.
"""

from __future__ import annotations

from typing import Protocol

from training_pipeline.client.audit.base import Audit
from training_pipeline.client.evaluation.base import Evaluation
from training_pipeline.client.governance.base import Governance
from training_pipeline.client.jobs.base import Jobs
from training_pipeline.client.models.base import Models
from training_pipeline.client.sheets.base import Sheets
from training_pipeline.client.studies.base import OfStudies


class Client(Jobs, Sheets, Evaluation, Models, Governance, Audit, OfStudies, Protocol):
    """Every method raises `PipelineError`: `Forbidden`, `NotFound`, `InvalidRequest` … or what the service says."""
