"""Dagster's storage in our database, found without preparation: what `dagster.yaml` names.

Under `up`, and after `training-pipeline env`, the variable DAGSTER_POSTGRES_URL says where it is. Without it, as for a
plain `dagster dev` in the clone, the configured database is opened (our own PostgreSQL is started) and migrated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Engine, create_engine

from training_pipeline.infra.database import NOTICE_LOST_SERVER, open_database
from training_pipeline.infra.migrations import migrate
from training_pipeline.infra.password_file import keep_fresh, password_file
from training_pipeline.settings import Settings

URL_VARIABLE: Final = "DAGSTER_POSTGRES_URL"
#: Connections that a process keeps; more are opened where more of its threads work at the same time.
_KEPT_CONNECTIONS: Final = 3


class OurStorage(DagsterPostgresStorage):
    """Dagster's own storage for PostgreSQL, which needs no configuration here and keeps its connections."""

    @classmethod
    def config_type(cls) -> Any:
        """Nothing can be configured: the settings say it all."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> OurStorage:
        """The storage in the schema `dagster`. Raises `PipelineError` where there is no database to be had."""
        url = _url()
        engine = _engine(url)
        storage = cls(postgres_url=url, inst_data=inst_data, should_autocreate_tables=False, **config_value)
        # Each part would connect anew for every statement, and asks the catalogue for the names of its tables before
        # most of them: at rest that came to 19 connections a second and 1.8 times the processor time of the whole
        # system (bench/at_rest.py). Dagster's own call for this (`optimize_for_webserver`) makes connections that are
        # not tried before use, so a restart of PostgreSQL would fail whoever comes next; only its webserver makes it.
        for part in (storage._run_storage, storage._event_log_storage, storage._schedule_storage):
            part._engine = engine
        return storage


@lru_cache(maxsize=1)
def _engine(url: str) -> Engine:
    """The connections of this process to Dagster's tables, which are made where they are missing."""
    passwords = password_file(Settings())
    if passwords is not None:
        passwords.refresh()
    DagsterPostgresStorage(postgres_url=url, should_autocreate_tables=True)
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",  # as Dagster has it
        pool_pre_ping=True,
        pool_size=_KEPT_CONNECTIONS,
        max_overflow=-1,
        connect_args=NOTICE_LOST_SERVER,
    )
    keep_fresh(engine, passwords)
    return engine


def _url() -> str:
    stated = os.environ.get(URL_VARIABLE)
    if stated:
        return stated
    database = open_database(Settings())
    migrate(database)
    return database.url("dagster")
