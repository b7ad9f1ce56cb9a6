from __future__ import annotations

import pytest

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.lineage import AssetRecord, BaseModelRecord, LineageRecord, recipe_facts
from training_pipeline.testing.jobs.jobs import a_recipe, new_job
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.lineage import add_assets, read, set_base_model, set_model, set_recipe, write


def a_row(job_id: str, **values: str) -> LineageRecord:
    names = [
        name
        for name in LineageRecord.model_fields
        if name not in {"job_id", "model_version", "model_files", "base_model", "recipe", "assets"}
    ]
    return LineageRecord(job_id=job_id, **{**{name: f"the {name}" for name in names}, **values})


def test_a_record_is_completed_and_keeps_its_assets_when_written_again(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    write(store, a_row(job.id))
    one = AssetRecord(partition=job.id, run_id="r1", storage_id=1, data_version="v1")
    two = AssetRecord(partition=job.id, run_id="r2", storage_id=2, data_version="v2")
    add_assets(store, job.id, {"training_sheet": one})
    add_assets(store, job.id, {"training_metrics": two})
    set_model(store, job.id, version="7", files={"model.safetensors": "ab"})
    write(store, a_row(job.id, dataset_digest="another"))
    found = read(store, job.id)
    assert found.assets == {"training_sheet": one, "training_metrics": two}
    assert found.dataset_digest == "another"


def test_what_exactly_the_base_model_was_is_kept_and_completed(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    write(store, a_row(job.id))
    assert read(store, job.id).base_model is None  # as for jobs of before
    for base in (
        BaseModelRecord(reference="owner/model"),
        BaseModelRecord(reference="owner/model", revision="c0ffee"),
        BaseModelRecord(reference="/models/m", files={"model.safetensors": "0" * 64}),
    ):
        set_base_model(store, job.id, base)
        assert read(store, job.id).base_model == base


def test_what_a_training_was_made_with_is_kept(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    write(store, a_row(job.id))
    assert read(store, job.id).recipe is None  # as for jobs of before
    set_recipe(store, job.id, a_recipe())
    assert read(store, job.id).recipe == a_recipe()
    # The database has an order of keys of its own, and what is said of them is the same.
    assert recipe_facts(read(store, job.id).recipe) == recipe_facts(a_recipe())


def test_a_job_that_was_never_submitted_has_no_record(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    with pytest.raises(NotFound, match=job.id):
        read(store, job.id)
    with pytest.raises(NotFound, match=job.id):
        add_assets(store, job.id, {})
