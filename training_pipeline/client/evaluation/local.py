"""The verbs of evaluation suites, evaluations and promotions on this installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training_pipeline.client.heavy import heavy
from training_pipeline.client.roles import needs
from training_pipeline.client.services import OnServices, checked
from training_pipeline.domain.access import Role
from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.evaluation import EvaluateModelVersion, ModelEvaluation, ModelEvaluations
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions, PromoteModelVersion, RollBackAlias
from training_pipeline.schemas.suite import CreateSuite, Suite, SuiteCheck, Suites


class LocalEvaluation(OnServices):
    """`Evaluation` over the services of one installation."""

    @needs(Role.OPERATOR)
    def create_suite(self, body: Mapping[str, Any] | CreateSuite) -> Suite:
        """See `Client`."""
        asked = checked(CreateSuite, body)
        made = self._services.suites.create(asked.name, asked.training_sheet_ids, created_by=self.caller.name)
        return Suite.of(made)

    @needs(Role.VIEWER)
    def suites(self) -> Suites:
        """See `Client`."""
        suites = [Suite.of(each) for each in self._services.suites.list()]
        return Suites(suites=suites, total=len(suites))

    @needs(Role.VIEWER)
    @heavy
    def suite(self, name: str) -> Suite:
        """See `Client`."""
        found = Suite.of(self._services.suites.get(name))
        try:
            return found.model_copy(update={"aged": self._services.suites.aged(name)})
        except PipelineError as error:  # what was frozen is known nevertheless
            return found.model_copy(update={"not_counted": f"{error.message} {error.hint}".strip()})

    @needs(Role.VIEWER)
    @heavy
    def check_suite(self, name: str, job_id: str) -> SuiteCheck:
        """See `Client`."""
        return SuiteCheck.model_validate(self._services.suites.check(name, job_id))

    @needs(Role.OPERATOR)
    def evaluate(self, name: str, version: str, body: Mapping[str, Any] | EvaluateModelVersion) -> ModelEvaluation:
        """See `Client`."""
        asked = checked(EvaluateModelVersion, body)
        made = self._services.evaluations.start(
            name,
            version,
            asked.suite,
            champion=asked.champion,
            base=asked.base,
            judge=asked.judge,
            actor=self.caller.name,
        )
        return ModelEvaluation.of(made)

    @needs(Role.VIEWER)
    def evaluations(self, name: str, version: str) -> ModelEvaluations:
        """See `Client`."""
        return ModelEvaluations.of(self._services.evaluations.of_version(name, version))

    @needs(Role.OPERATOR)
    def cancel_evaluation(self, name: str, version: str, evaluation_id: str) -> ModelEvaluation:
        """See `Client`."""
        return ModelEvaluation.of(self._services.evaluations.cancel(name, version, evaluation_id))

    @needs(Role.OPERATOR)
    def promote(self, name: str, version: str, body: Mapping[str, Any] | PromoteModelVersion) -> ModelPromotion:
        """See `Client`."""
        asked = checked(PromoteModelVersion, body)
        made = self._services.promotions.promote(
            name,
            version,
            asked.alias,
            gate=None if asked.gate is None else asked.gate.model_dump(),
            suite=asked.suite,
            held=asked.held,
            actor=self.caller.name,
        )
        return ModelPromotion.of(made)

    @needs(Role.OPERATOR)
    def roll_back(self, name: str, body: Mapping[str, Any] | RollBackAlias) -> ModelPromotion:
        """See `Client`."""
        asked = checked(RollBackAlias, body)
        made = self._services.promotions.roll_back(name, asked.alias, reason=asked.reason, actor=self.caller.name)
        return ModelPromotion.of(made)

    @needs(Role.VIEWER)
    def promotions(self, name: str) -> ModelPromotions:
        """See `Client`."""
        return ModelPromotions.of(self._services.promotions.of_model(name))
