"""Evaluations that need the key of a sheet on which one of their models, or what it comes from, was trained."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.models.revocations.key_users import key_users
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.models.evaluated import stored_evaluation

ELSEWHERE = text("UPDATE training_jobs SET training_sheet_id = 'elsewhere' WHERE id = :id")
DESCENDS = text("UPDATE training_job_lineage SET base_model = CAST(:base AS jsonb) WHERE job_id = :id")


def users(services: Services, sheet: str = "small") -> tuple[str, ...]:
    with services.store.begin() as connection:
        return key_users(connection, sheet)


@pytest.mark.parametrize("how", ["own", "champion", "ancestor"])
def test_an_active_evaluation_needs_the_keys_of_all_that_its_models_learned(services: Services, how: str) -> None:
    learned, other = succeeded(services), succeeded(services)
    base = json.dumps({"ancestors": [{"job_id": learned.id}] if how == "ancestor" else None})
    with services.store.begin() as connection:
        connection.execute(ELSEWHERE, {"id": other.id})
        connection.execute(DESCENDS, {"id": other.id, "base": base})
    made = stored_evaluation(learned.id if how == "own" else other.id, EvaluationStatus.QUEUED)
    made = made.model_copy(update={"model_version": "9", "champion_version": "2" if how == "champion" else None})
    records.add(services.store, made)
    assert users(services) == (made.id,)
    assert users(services, "elsewhere") == (() if how == "own" else (made.id,))
    records.change(services.store, made, status=EvaluationStatus.CANCELLED)
    assert users(services) == users(services, "elsewhere") == ()
