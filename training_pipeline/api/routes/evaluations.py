"""Evaluations of model versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from training_pipeline.api.deps import client_for
from training_pipeline.api.routes.model_versions import Name, Version
from training_pipeline.client.local import LocalClient
from training_pipeline.domain import job_id as ids
from training_pipeline.schemas.evaluation import EVALUATION, EvaluateModelVersion, ModelEvaluation, ModelEvaluations

router = APIRouter(tags=["model versions"])

_ALL = "/model-versions/{name}/{version}/evaluations"
EvaluationId = Annotated[str, Path(pattern=ids.PATTERN, description="The evaluation.", examples=[EVALUATION])]


@router.post(_ALL, operation_id="evaluateModelVersion", status_code=202, responses={404: {}, 409: {}})
def evaluate_model_version(
    client: Annotated[LocalClient, client_for(LocalClient.evaluate)],
    name: Name,
    version: Version,
    body: EvaluateModelVersion,
) -> ModelEvaluation:
    """Have a model version, its base model and the champion answer the questions of a suite.

    Scores are stored, no text. While it is under way, the same request returns the existing evaluation.
    """
    return client.evaluate(name, version, body)


@router.get(_ALL, operation_id="listModelEvaluations", responses={404: {}})
def list_model_evaluations(
    client: Annotated[LocalClient, client_for(LocalClient.evaluations)], name: Name, version: Version
) -> ModelEvaluations:
    """List the evaluations of a model version, newest first. Running ones are updated first."""
    return client.evaluations(name, version)


@router.post(f"{_ALL}/{{evaluation_id}}/cancel", operation_id="cancelModelEvaluation", responses={404: {}})
def cancel_model_evaluation(
    client: Annotated[LocalClient, client_for(LocalClient.cancel_evaluation)],
    name: Name,
    version: Version,
    evaluation_id: EvaluationId,
) -> ModelEvaluation:
    """Stop an evaluation. Idempotent; one that has ended stays as it is."""
    return client.cancel_evaluation(name, version, evaluation_id)
