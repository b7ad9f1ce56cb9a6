"""The verbs of studies behind a REST API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from training_pipeline.client.http import OverHttp
from training_pipeline.domain.study import StudyStatus
from training_pipeline.schemas.study import Studies, StudyDryRun, StudyPage
from training_pipeline.schemas.training_job import TrainingJob


class RemoteStudies(OverHttp):
    """`OfStudies` over HTTP."""

    def create_study(self, body: Mapping[str, Any]) -> StudyPage:
        """See `Client`."""
        return self._service.ask(StudyPage, "POST", "/studies", body=body)

    def plan_study(self, body: Mapping[str, Any]) -> StudyDryRun:
        """See `Client`."""
        return self._service.ask(StudyDryRun, "POST", "/studies", params={"dry_run": True}, body=body)

    def studies(
        self,
        *,
        statuses: Collection[StudyStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> Studies:
        """See `Client`."""
        query = {
            "status": list(statuses),
            "training_sheet_id": training_sheet_id,
            "created_by": created_by,
            "page": page,
            "page_size": page_size,
            "cursor": cursor,
        }
        return self._service.ask(Studies, "GET", "/studies", params=query)

    def study(self, name: str) -> StudyPage:
        """See `Client`."""
        return self._service.ask(StudyPage, "GET", _study(name))

    def stop_study(self, name: str, *, reason: str, let_finish: bool = False) -> StudyPage:
        """See `Client`."""
        body = {"reason": reason, "let_finish": let_finish}
        return self._service.ask(StudyPage, "POST", _study(name, "/stop"), body=body)

    def promote_trial(self, name: str, *, trial: int | None = None) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "POST", _study(name, "/promote"), body={"trial": trial})


def _study(name: str, of_it: str = "") -> str:
    return f"/studies/{quote(name, safe='')}{of_it}"
