"""Dagster's storage in our database, found without preparation: what `dagster.yaml` names.

Under `up`, and after `training-pipeline env`, the variable DAGSTER_POSTGRES_URL says where it is. Without it, as for a
plain `dagster dev` in the clone, the configured database is opened (our own PostgreSQL is started) and migrated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from dagster_postgres import DagsterPostgresStorage

from training_pipeline.database import open_database
from training_pipeline.migrations import migrate
from training_pipeline.settings import Settings

URL_VARIABLE: Final = "DAGSTER_POSTGRES_URL"


class OurStorage(DagsterPostgresStorage):
    """Dagster's own storage for PostgreSQL, which needs no configuration here."""

    @classmethod
    def config_type(cls) -> Any:
        """Nothing can be configured: the settings say it all."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> OurStorage:
        """The storage in the schema `dagster`. Raises `PipelineError` where there is no database to be had."""
        return cls(postgres_url=_url(), inst_data=inst_data, **config_value)


def _url() -> str:
    stated = os.environ.get(URL_VARIABLE)
    if stated:
        return stated
    database = open_database(Settings())
    migrate(database)
    return database.url("dagster")
