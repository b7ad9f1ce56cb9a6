"""What MLflow is told of an evaluation, and that it is told until it has heard it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.models.evaluation.tracked import points, summary
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.models.evaluated import stored_evaluation
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.tracking.mlflow import Tracking


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    """An installation with version 2 of the model `triage`, in a registry that has it."""
    with scripted_services(settings, database, ScriptedBackend()) as parts:
        tracking = parts.tracking
        assert isinstance(tracking, Tracking)
        tracking.client.create_registered_model("triage")
        for _ in range(2):
            tracking.client.create_model_version("triage", "file:///nowhere")
        yield parts


def test_figures_are_told_until_they_are_heard(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = services.tracking
    assert isinstance(tracking, Tracking)
    job = succeeded(services)
    experiment, run_id = tracking.start_run(job.id, params={}, tags={})
    services.store.update(job.id, {"mlflow_experiment_id": experiment, "mlflow_run_id": run_id})
    made = stored_evaluation(job.id)
    records.add(services.store, made)
    records.add(services.store, stored_evaluation(job.id, EvaluationStatus.RUNNING))

    def away(*_: Any) -> None:
        raise RuntimeError("away")

    with monkeypatch.context() as patch:
        patch.setattr(tracking, "log_points", away)
        assert services.evaluations._tracked.write_due() == 0
    records.add(services.store, stored_evaluation(job.id).model_copy(update={"model_version": "9"}))  # not registered
    assert [services.evaluations._tracked.write_due() for _ in range(2)] == [1, 0]
    found = tracking.client.get_run(run_id).data.metrics
    assert found == {"evaluation/parcels/exact_match": 0.9, "evaluation/parcels/exact_match_lower": 0.8}
    tags = tracking.client.get_model_version("triage", "2").tags
    said = f"{made.id}: exact_match 0.9 (0.8 to ?, 57 pairs)"
    assert tags["training_pipeline.evaluation.parcels"] == said == summary(made)
    assert {point.time for point in points(made)} == {made.finished_at and made.finished_at.timestamp()}
