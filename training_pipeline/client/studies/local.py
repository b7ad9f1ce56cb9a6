"""The verbs of studies on this installation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from training_pipeline.client.roles import needs
from training_pipeline.client.services import OnServices, checked
from training_pipeline.domain.access import Role, require_own
from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.study import StudyRequest, StudyStatus
from training_pipeline.schemas import paging
from training_pipeline.schemas.asked_study import asked_study
from training_pipeline.schemas.study import Studies, Study, StudyDryRun, StudyPage
from training_pipeline.schemas.study_requests import CreateStudy, PromoteTrial, StopStudy
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.tuning.records import StudyFacets


class LocalStudies(OnServices):
    """`OfStudies` over the services of one installation."""

    @needs(Role.OPERATOR)
    def create_study(self, body: Mapping[str, Any] | CreateStudy, *, also: Sequence[FieldProblem] = ()) -> StudyPage:
        """See `Client`. `also` is what is wrong with fields that the body leaves out: it is refused with the rest."""
        asked = self._asked(body, also)
        return self.study(self._services.studies.create(asked, created_by=self.caller.name).name)

    @needs(Role.OPERATOR)
    def plan_study(self, body: Mapping[str, Any] | CreateStudy) -> StudyDryRun:
        """See `Client`."""
        request = self._asked(body)
        return StudyDryRun.of_plans(request, self._services.studies.plan(request))

    @needs(Role.VIEWER)
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
        window = paging.Window.of(paging.StudyPosition, page=page, page_size=page_size, cursor=cursor)
        found, total = self._services.studies.page(
            statuses=statuses,
            training_sheet_id=training_sheet_id,
            created_by=created_by,
            limit=window.limit,
            offset=window.offset,
            after=None if window.start is None else (window.start.created_at, window.start.name),
        )
        listed = [Study.of(study, trials) for study, trials in found]
        further = window.next_cursor(
            listed, lambda last: paging.StudyPosition(created_at=last.created_at, name=last.name)
        )
        return Studies(
            studies=[*window.shown(listed)], total=total, page=window.page, page_size=page_size, next_cursor=further
        )

    @needs(Role.VIEWER)
    def study_facets(self) -> StudyFacets:
        """The values that studies may be filtered by; the REST API does not offer this."""
        return self._services.studies.facets()

    @needs(Role.VIEWER)
    def study(self, name: str) -> StudyPage:
        """See `Client`."""
        return StudyPage.of_details(self._services.studies.show(name))

    @needs(Role.OPERATOR)
    def stop_study(self, name: str, *, reason: str, let_finish: bool = False) -> StudyPage:
        """See `Client`."""
        asked = checked(StopStudy, {"reason": reason, "let_finish": let_finish})
        require_own(self.caller, self._services.studies.get(name).created_by, f"stop the study {name}")
        self._services.studies.stop(name, actor=self.caller.name, reason=asked.reason, let_finish=asked.let_finish)
        return self.study(name)

    @needs(Role.OPERATOR)
    def promote_trial(self, name: str, *, trial: int | None = None) -> TrainingJob:
        """See `Client`."""
        asked = checked(PromoteTrial, {"trial": trial})
        require_own(self.caller, self._services.studies.get(name).created_by, f"promote a trial of the study {name}")
        return self.shown(self._services.studies.promote(name, number=asked.trial, actor=self.caller.name))

    def _asked(self, body: Mapping[str, Any] | CreateStudy, also: Sequence[FieldProblem] = ()) -> StudyRequest:
        return asked_study(body, self._services.studies.problems, CreateStudy, also=also)
