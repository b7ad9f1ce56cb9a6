"""The verbs of evaluation suites, evaluations and promotions, of this installation or behind a REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from training_pipeline.schemas.evaluation import ModelEvaluation, ModelEvaluations
    from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions
    from training_pipeline.schemas.suite import Suite, SuiteCheck, Suites


class Evaluation(Protocol):
    """Every method raises `PipelineError`."""

    def create_suite(self, body: Mapping[str, Any]) -> Suite:
        """Make an evaluation suite; again with the same pairs: the one that is there."""

    def suites(self) -> Suites:
        """List all evaluation suites."""

    def suite(self, name: str) -> Suite:
        """One evaluation suite."""

    def check_suite(self, name: str, job_id: str) -> SuiteCheck:
        """What of a suite the model of a job may be scored on. Sheets and datasets are compared now."""

    def evaluate(self, name: str, version: str, body: Mapping[str, Any]) -> ModelEvaluation:
        """Evaluate a model version on a suite; where that is being done, the evaluation that is there."""

    def evaluations(self, name: str, version: str) -> ModelEvaluations:
        """The evaluations of a model version, the newest first. Those that run are looked at now."""

    def cancel_evaluation(self, name: str, version: str, evaluation_id: str) -> ModelEvaluation:
        """Have an evaluation stopped. Idempotent."""

    def promote(self, name: str, version: str, body: Mapping[str, Any]) -> ModelPromotion:
        """Ask the gate whether an alias may name this version, and move it if it may. The decision is on record."""

    def roll_back(self, name: str, body: Mapping[str, Any]) -> ModelPromotion:
        """Move an alias back to the version that had it before."""

    def promotions(self, name: str) -> ModelPromotions:
        """The decisions about the aliases of a model, the newest first."""
