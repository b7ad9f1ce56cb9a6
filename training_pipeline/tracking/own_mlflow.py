"""MLflow in our own database: what is asked often is read from its tables, for its library takes seconds to load.

A test compares what is read here with what MLflow itself reads. Everything that writes goes through MLflow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import text

from training_pipeline.infra.database import Database
from training_pipeline.tracking.mlflow import JOB_TAG, Tracking

SCHEMA: Final = "mlflow"
#: Where whoever names no workspace of MLflow's works, as we do.
_HERE: Final = "workspace = 'default' AND name = :name"
_ALIASES: Final = text(f"SELECT alias, version FROM registered_model_aliases WHERE {_HERE}")  # noqa: S608
_VERSION: Final = text(
    f"SELECT EXISTS (SELECT FROM model_versions WHERE {_HERE} AND CAST(version AS text) = :version"  # noqa: S608
    " AND current_stage <> 'Deleted_Internal')"
)
_REGISTERED: Final = text(
    "SELECT version FROM model_versions JOIN model_version_tags AS tag USING (workspace, name, version)"  # noqa: S608
    f" WHERE {_HERE} AND tag.key = :tag AND tag.value = :job_id AND current_stage <> 'Deleted_Internal'"
    " ORDER BY version LIMIT 1"
)
_TAGS: Final = text("SELECT key, value FROM runs LEFT JOIN tags USING (run_uuid) WHERE run_uuid = :run_id")


class OwnTracking(Tracking):
    """`Tracking` in the schema `mlflow` of our database."""

    def __init__(self, database: Database, *, experiment: str, artifacts: Path) -> None:
        super().__init__(SecretStr(database.url(SCHEMA)), experiment=experiment, artifacts=artifacts)
        self._engine = database.engine(SCHEMA, pooled=False)

    def tags(self, run_id: str) -> dict[str, str]:
        """See `RunTracking`."""
        with self._engine.connect() as connection:
            rows = connection.execute(_TAGS, {"run_id": run_id}).tuples().all()
        if not rows:
            return super().tags(run_id)  # MLflow says what is wrong with a run that is not there
        return {str(key): str(value) for key, value in rows if key is not None}

    def has_version(self, model_name: str, version: str) -> bool:
        """See `RunTracking`."""
        with self._engine.connect() as connection:
            return bool(connection.execute(_VERSION, {"name": model_name, "version": version}).scalar_one())

    def registered_version(self, model_name: str, *, job_id: str, run_id: str) -> str | None:
        """See `RunTracking`."""
        del run_id
        known = {"name": model_name, "tag": JOB_TAG, "job_id": job_id}
        with self._engine.connect() as connection:
            version = connection.execute(_REGISTERED, known).scalar_one_or_none()
        return None if version is None else str(version)

    def aliases(self, model_name: str) -> dict[str, str]:
        """See `RunTracking`."""
        with self._engine.connect() as connection:
            rows = connection.execute(_ALIASES, {"name": model_name}).tuples()
            return {str(alias): str(version) for alias, version in rows}
