"""Training jobs side by side, over HTTP: what is compared, and what cannot be."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import TrainingRecipe
from training_pipeline.domain.refs import MANIFEST
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.models.evaluation import records
from training_pipeline.schemas.comparison import TrainingJobComparison
from training_pipeline.testing.jobs.job_life import JOBS
from training_pipeline.testing.jobs.jobs import new_job, point
from training_pipeline.testing.models.evaluated import stored_evaluation
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.metrics import add_points
from training_pipeline_tests.api.test_problems import problem

RECIPE = TrainingRecipe(
    chat_template_sha256="c" * 64,
    chat_template_source="base model",
    tokenizer_sha256="e" * 64,
    libraries={"torch": "2.9.1"},
    device="cpu",
    first_day="2026-11-28",
    configuration={},
)


def trained(
    services: Services, root: Path, validated: tuple[str, ...], recipe: TrainingRecipe, *, rate: float = 0.01
) -> str:
    """A job on four pairs, of which these were validated on; its validation loss ends at its learning rate."""
    rows = [row(f"p-{n}", "validation" if f"p-{n}" in validated else "train") for n in range(4)]
    settings = TrainingConfig(epochs=1, max_length=512, learning_rate=rate)
    job = job_with(
        services.store,
        services.uses,
        "invoices",
        dataset_of(root, "invoices", rows),
        status=JobStatus.SUCCEEDED,
        version="2",
        training_config=settings.model_dump(),
        duration_seconds=61.5,
    )
    lineage.set_recipe(services.store, job.id, recipe)
    points = [point("val_loss", step, rate * step) for step in (3, 1, 2)]
    add_points(services.store, job, points, 3)
    return job.id


def test_what_differs_and_whether_losses_are_comparable(client: TestClient, services: Services, tmp_path: Path) -> None:
    same = [trained(services, tmp_path, ("p-1",), RECIPE, rate=rate) for rate in (0.01, 0.02)]
    records.add(services.store, stored_evaluation(same[1]))
    answer = client.get(f"{JOBS}/compare", params={"jobs": ",".join(same)})
    assert answer.status_code == 200, answer.text
    found = TrainingJobComparison.model_validate(answer.json())
    assert [job.id for job in found.jobs] == same
    assert found.validation_losses.model_dump() == {
        "comparable": True,
        "shared_rows": 1,
        "total_rows": 1,
        "reasons": [],
    }
    assert [(each.field, each.values) for each in found.differences] == [
        ("training_config.learning_rate", [0.01, 0.02])
    ]
    second = found.jobs[1].val_loss
    assert second is not None
    assert (second.best.step, second.best.value, second.last.step, second.last.value) == (1, 0.02, 3, 0.06)
    assert found.jobs[1].duration_seconds == 61.5
    assert [(each.job_id, each.counts and sum(each.counts.model_dump().values())) for each in found.data] == [
        (same[1], 0)
    ]
    assert [[job.job_id for job in suite.jobs] for suite in found.evaluations] == [[same[1]]]


def test_other_rows_another_tokenizer_and_what_is_not_on_record(
    client: TestClient, services: Services, tmp_path: Path
) -> None:
    first = trained(services, tmp_path, ("p-1", "p-2"), RECIPE)
    other = trained(services, tmp_path, ("p-1",), RECIPE.model_copy(update={"tokenizer_sha256": "f" * 64}))
    never = services.store.create(new_job(), message="Created.").id
    found = client.get(f"{JOBS}/compare", params={"jobs": f"{first},{other}"}).json()
    assert found["validation_losses"]["comparable"] is False
    assert len(found["validation_losses"]["reasons"]) == 2
    assert "1 of 2" in found["validation_losses"]["reasons"][0]
    assert found["data"][0]["counts"]["moved"] == 1
    assert {each["field"]: each["values"] for each in found["differences"]} == {
        "trained_with.tokenizer_sha256": ["e" * 64, "f" * 64]
    }
    found = client.get(f"{JOBS}/compare", params={"jobs": f"{first},{never}"}).json()
    assert found["validation_losses"]["comparable"] is None
    assert found["data"][0]["counts"] is None
    assert never in found["data"][0]["problem"]
    assert "trained_with.device" not in {each["field"] for each in found["differences"]}


def test_a_manifest_that_is_gone_stops_nothing_else(client: TestClient, services: Services, tmp_path: Path) -> None:
    one, two = (trained(services, tmp_path, (pair,), RECIPE) for pair in ("p-1", "p-2"))
    gone = services.store.get(two).data.dataset_digest
    (tmp_path / str(gone) / MANIFEST).unlink()
    found = client.get(f"{JOBS}/compare", params={"jobs": f"{one},{two}"}).json()
    assert found["validation_losses"] == {
        "comparable": None,
        "shared_rows": None,
        "total_rows": None,
        "reasons": ["The record of the validation rows cannot be read."],
    }
    assert "is gone or damaged" in found["data"][0]["problem"]
    assert found["jobs"][1]["val_loss"]["last"]["step"] == 3


def test_everything_wrong_with_the_ids_is_said_at_once(client: TestClient, services: Services) -> None:
    known = [services.store.create(new_job(), message="Created.").id for _ in range(2)]
    for jobs, codes in (
        (known[0], {"/jobs": "wrong_number"}),
        ("", {"/jobs": "wrong_number", "/jobs/0": "malformed"}),
        (f"{known[0]},{known[0]}", {"/jobs/1": "doubled"}),
        (f"{known[0]},nobody,a/b,{known[0]}", {"/jobs/1": "unknown_job", "/jobs/2": "malformed", "/jobs/3": "doubled"}),
        (
            ",".join([*known, *"abcdefg"]),
            {"/jobs": "wrong_number", **{f"/jobs/{n}": "unknown_job" for n in range(2, 9)}},
        ),
    ):
        found = problem(client.get(f"{JOBS}/compare", params={"jobs": jobs}), 422, "invalid_request")
        assert {each["pointer"]: each["code"] for each in found["errors"]} == codes
    assert client.get(f"{JOBS}/compare").status_code == 422
    assert client.get(f"{JOBS}/compare", params={"jobs": f" {known[0]}, {known[1]} "}).status_code == 200
