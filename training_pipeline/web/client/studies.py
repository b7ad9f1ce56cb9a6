"""Studies, as pages ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.domain.access import is_own, require_role
from training_pipeline.schemas.study import Studies, Study, StudyDryRun, StudyPage
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.tuning.records import StudyFacets
from training_pipeline.web.client.base import PageCalls, thread
from training_pipeline.web.urls import StudyFilters


class StudyCalls(PageCalls):
    """Studies, as pages ask for them."""

    async def studies(self, filters: StudyFilters, *, page_size: int) -> Studies:
        """A page of studies."""
        return await thread(
            self.local.studies,
            statuses=[filters.status] if filters.status else (),
            training_sheet_id=filters.sheet or None,
            created_by=filters.creator or None,
            page=filters.page,
            page_size=page_size,
        )

    async def study_facets(self) -> StudyFacets:
        """The values that studies may be filtered by."""
        return await thread(self.local.study_facets)

    async def study(self, name: str) -> StudyPage:
        """One study with its trials. Many who ask at the same moment ask once."""
        return await self.shared(f"study {name}", partial(self.local.study, name))

    @property
    def may_search(self) -> bool:
        """Whether the caller may create studies."""
        return self.caller.may_act_as(least_role(LocalClient.create_study))

    def require_search(self) -> None:
        """Raise `Forbidden` where the caller may not create studies."""
        require_role(self.caller, least_role(LocalClient.create_study))

    def may_change(self, study: Study) -> bool:
        """Whether the caller may stop a study and promote its trials."""
        return self.caller.may_act_as(least_role(LocalClient.stop_study)) and is_own(self.caller, study.created_by)

    async def plan_study(self, body: Mapping[str, Any]) -> StudyDryRun:
        """The dry run of one trial in the middle of the space."""
        return await thread(self.local.plan_study, body)

    async def create_study(self, body: Mapping[str, Any]) -> StudyPage:
        """The new study; the same one again for the same request."""
        return await thread(self.local.create_study, body)

    async def stop_study(self, name: str, *, reason: str, let_finish: bool) -> StudyPage:
        """The study, which starts no more trials."""
        return await thread(self.local.stop_study, name, reason=reason, let_finish=let_finish)

    async def promote_trial(self, name: str, trial: int) -> TrainingJob:
        """The ordinary job with a trial's configuration."""
        return await thread(self.local.promote_trial, name, trial=trial)
