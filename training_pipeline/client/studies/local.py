"""The verbs of studies on this installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training_pipeline.client.roles import needs
from training_pipeline.client.services import OnServices, checked
from training_pipeline.domain.access import Role, require_own
from training_pipeline.domain.study import StudyRequest
from training_pipeline.schemas.study import CreateStudy, PromoteTrial, StopStudy, Studies, Study, StudyPage
from training_pipeline.schemas.training_job import TrainingJob


class LocalStudies(OnServices):
    """`OfStudies` over the services of one installation."""

    @needs(Role.OPERATOR)
    def create_study(self, body: Mapping[str, Any] | CreateStudy) -> StudyPage:
        """See `Client`."""
        asked = checked(CreateStudy, body)
        # As it reads back: what is compared with what was asked before.
        request = StudyRequest.model_validate(asked.model_dump(exclude_unset=True))
        return self.study(self._services.studies.create(request, created_by=self.caller.name).name)

    @needs(Role.VIEWER)
    def studies(self) -> Studies:
        """See `Client`."""
        found = [Study.of(study, trials) for study, trials in self._services.studies.latest()]
        return Studies(studies=found, total=len(found))

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
