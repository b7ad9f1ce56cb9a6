"""The verbs of evaluation suites, evaluations and promotions behind a REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from training_pipeline.client.http import OverHttp
from training_pipeline.schemas.evaluation import ModelEvaluation, ModelEvaluations
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions
from training_pipeline.schemas.suite import Suite, SuiteCheck, Suites


class RemoteEvaluation(OverHttp):
    """`Evaluation` over HTTP."""

    def create_suite(self, body: Mapping[str, Any]) -> Suite:
        """See `Client`."""
        return self._service.ask(Suite, "POST", "/suites", body=body)

    def suites(self) -> Suites:
        """See `Client`."""
        return self._service.ask(Suites, "GET", "/suites")

    def suite(self, name: str) -> Suite:
        """See `Client`."""
        return self._service.ask(Suite, "GET", f"/suites/{quote(name, safe='')}")

    def check_suite(self, name: str, job_id: str) -> SuiteCheck:
        """See `Client`."""
        path = f"/suites/{quote(name, safe='')}/check"
        return self._service.ask(SuiteCheck, "GET", path, params={"job_id": job_id})

    def evaluate(self, name: str, version: str, body: Mapping[str, Any]) -> ModelEvaluation:
        """See `Client`."""
        return self._service.ask(ModelEvaluation, "POST", _version(name, version, "/evaluations"), body=body)

    def evaluations(self, name: str, version: str) -> ModelEvaluations:
        """See `Client`."""
        return self._service.ask(ModelEvaluations, "GET", _version(name, version, "/evaluations"))

    def cancel_evaluation(self, name: str, version: str, evaluation_id: str) -> ModelEvaluation:
        """See `Client`."""
        path = _version(name, version, f"/evaluations/{quote(evaluation_id, safe='')}/cancel")
        return self._service.ask(ModelEvaluation, "POST", path)

    def promote(self, name: str, version: str, body: Mapping[str, Any]) -> ModelPromotion:
        """See `Client`."""
        return self._service.ask(ModelPromotion, "POST", _version(name, version, "/promote"), body=body)

    def roll_back(self, name: str, body: Mapping[str, Any]) -> ModelPromotion:
        """See `Client`."""
        return self._service.ask(ModelPromotion, "POST", f"/promotions/{quote(name, safe='')}/roll-back", body=body)

    def promotions(self, name: str) -> ModelPromotions:
        """See `Client`."""
        return self._service.ask(ModelPromotions, "GET", f"/promotions/{quote(name, safe='')}")


def _version(name: str, version: str, of_it: str = "") -> str:
    return f"/model-versions/{quote(name, safe='')}/{quote(version, safe='')}{of_it}"
