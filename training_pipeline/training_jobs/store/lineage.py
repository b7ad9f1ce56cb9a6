"""The lineage record of a job, in `training_job_lineage`.

Written before the backend is called, completed as assets are materialized and the model is registered. Pair ids and
canonical label ids stand in the dataset's manifest, which the record names by its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.lineage import AssetRecord, BaseModelRecord, LineageRecord, TrainingRecipe
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_job_lineage


def write(store: JobStore, row: LineageRecord) -> None:
    """Store the record, or replace all of it but its assets if there is one. Idempotent."""
    values = row.model_dump(exclude={"assets"})
    statement = insert(training_job_lineage).values(
        **values, created_at=func.clock_timestamp(), updated_at=func.clock_timestamp()
    )
    with store.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["job_id"],
                set_={**{name: statement.excluded[name] for name in values}, "updated_at": func.clock_timestamp()},
            )
        )


def add_assets(store: JobStore, job_id: str, assets: Mapping[str, AssetRecord]) -> None:
    """Add or replace the records of some assets. Idempotent; raises `NotFound` where the job has no record yet."""
    dumped = {key: record.model_dump() for key, record in assets.items()}
    _update(store, job_id, {"assets": training_job_lineage.c.assets.concat(dumped)})


def set_model(store: JobStore, job_id: str, *, version: str | None, files: Mapping[str, str] | None) -> None:
    """Name the model version and, where they are known, the hashes of its files. Idempotent; raises as above."""
    _update(store, job_id, {"model_version": version, **({} if files is None else {"model_files": dict(files)})})


def set_base_model(store: JobStore, job_id: str, base_model: BaseModelRecord) -> None:
    """Say what exactly the base model was. Idempotent; raises `NotFound` as above."""
    _update(store, job_id, {"base_model": base_model.model_dump()})


def set_recipe(store: JobStore, job_id: str, recipe: TrainingRecipe) -> None:
    """Say what the training was made with. Idempotent; raises `NotFound` as above."""
    _update(store, job_id, {"recipe": recipe.model_dump()})


def trained_as(store: JobStore, files: Mapping[str, str], *, besides: str) -> LineageRecord | None:
    """The record of the job, not `besides`, whose model has these files, by name and SHA-256; None where there is none.

    Of several the first that was registered, else the first. Reads only.
    """
    table = training_job_lineage.c
    query = (
        select(training_job_lineage)
        .where(table.model_files.contains(dict(files)), table.job_id != besides)
        .order_by(table.model_version.is_(None), table.created_at)
        .limit(1)
    )
    with store.begin() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else LineageRecord.model_validate(dict(row))


def read(store: JobStore, job_id: str) -> LineageRecord:
    """The record of a job; raises `NotFound` where the job was never submitted."""
    table = training_job_lineage
    with store.begin() as connection:
        row = connection.execute(select(table).where(table.c.job_id == job_id)).mappings().first()
    if row is None:
        raise NotFound(f"Training job {job_id} has no lineage record: it was never submitted to a backend.")
    return LineageRecord.model_validate(dict(row))


def _update(store: JobStore, job_id: str, values: dict[str, Any]) -> None:
    with store.begin() as connection:
        found = connection.execute(
            update(training_job_lineage)
            .where(training_job_lineage.c.job_id == job_id)
            .values(**values, updated_at=func.clock_timestamp())
            .returning(training_job_lineage.c.job_id)
        ).first()
    if found is None:
        raise NotFound(f"Training job {job_id} has no lineage record yet.")
