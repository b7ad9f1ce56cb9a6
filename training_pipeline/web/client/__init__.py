"""The client of the pages: calls the client of this installation in threads, for the caller of the page."""

from __future__ import annotations

from training_pipeline.web.client.governance import GovernanceCalls
from training_pipeline.web.client.imports import ImportCalls
from training_pipeline.web.client.jobs import JobCalls
from training_pipeline.web.client.models import ModelCalls
from training_pipeline.web.client.sheets import SheetCalls
from training_pipeline.web.client.studies import StudyCalls


class PageClient(JobCalls, SheetCalls, ImportCalls, ModelCalls, GovernanceCalls, StudyCalls):
    """Everything that pages ask for. Raises what `LocalClient` does."""
