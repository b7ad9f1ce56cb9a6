"""Bringing the three schemas of the database to what this installation expects."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from training_pipeline.domain.errors import InvalidRequest, PipelineError
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database

LOCK: Final = "migrate"
SCRIPTS: Final = Path(__file__).parents[1] / "training_jobs" / "migrations"


def migrate(database: Database) -> None:
    """Bring the schemas `training`, `dagster` and `mlflow` to what this installation expects.

    Idempotent; safe from several processes at once, which wait for one another on an advisory lock; one query where
    there is nothing to do. A schema is complete or absent: a death in between leaves no half of one. Raises
    `InvalidRequest` if our role may not create schemas, or a newer release has migrated the database already.
    """
    if is_migrated(database):
        return
    with advisory_lock.hold(database, LOCK, wait=math.inf):
        if is_migrated(database):
            return
        try:
            _migrate_training(database)
            _create_or_upgrade(database, "dagster", _migrate_dagster)
            _create_or_upgrade(database, "mlflow", _migrate_mlflow)
            _record(database)
        except DBAPIError as error:
            raise _explained(error, database) from error


def is_migrated(database: Database) -> bool:
    """Whether the schemas are what this installation expects. Reads only; raises `Unavailable`."""
    return _recorded(database) == _expected()


def _expected() -> str:
    """What a migrated database says about itself: the releases whose tables it has, and a digest of our migrations."""
    digest = hashlib.sha256()
    for path in sorted((SCRIPTS / "versions").glob("*.py")):
        digest.update(path.read_bytes())
    releases = (f"{name} {version(name)}" for name in ("dagster", "dagster-postgres", "mlflow-skinny"))
    return f"training_pipeline {digest.hexdigest()[:12]}, {', '.join(releases)}"


def _recorded(database: Database) -> str | None:
    """What the database says about itself, a comment on the schema `training`; None where a schema is missing."""
    query = text(
        "SELECT obj_description(to_regnamespace('training')::oid, 'pg_namespace')"
        " WHERE to_regclass('training.alembic_version') IS NOT NULL"
        " AND to_regclass('dagster.alembic_version') IS NOT NULL"
        " AND to_regclass('mlflow.alembic_version') IS NOT NULL"
    )
    with database.engine(pooled=False).connect() as connection:
        return connection.execute(query).scalar_one_or_none()


def _record(database: Database) -> None:
    with database.engine(pooled=False).begin() as connection:
        connection.exec_driver_sql(f"COMMENT ON SCHEMA training IS '{_expected()}'")


def _migrate_training(database: Database) -> None:
    with database.engine(pooled=False).begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS training")
        _upgrade(SCRIPTS, connection)


def _create_or_upgrade(database: Database, schema: str, migrate_tables: Callable[[Database, str], None]) -> None:
    """Call `migrate_tables(database, schema)`; a new schema is filled under another name first, and then renamed."""
    name = {"name": f"{schema}.alembic_version"}
    with database.engine(pooled=False).connect() as connection:
        exists = connection.execute(text("SELECT to_regclass(:name) IS NOT NULL"), name).scalar_one()
    if exists:
        migrate_tables(database, schema)
        return
    with database.engine(pooled=False).begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema}_new CASCADE")
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}_new")
    migrate_tables(database, f"{schema}_new")
    with database.engine(pooled=False).begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema}")  # an empty one, else this refuses
        connection.exec_driver_sql(f"ALTER SCHEMA {schema}_new RENAME TO {schema}")


def _migrate_dagster(database: Database, schema: str) -> None:
    from dagster_postgres import DagsterPostgresStorage

    storage = DagsterPostgresStorage(database.url(schema))  # creates tables that are missing, and nothing else
    runs, events, schedules = storage._run_storage, storage._event_log_storage, storage._schedule_storage
    # What `dagster instance migrate` does, without needing a DAGSTER_HOME.
    runs.upgrade()
    runs.migrate()
    events.upgrade()
    events.reindex_assets()
    schedules.upgrade()
    schedules.migrate()


def _migrate_mlflow(database: Database, schema: str) -> None:
    import mlflow.store
    from mlflow.store.tracking.dbmodels.initial_models import Base

    scripts = Path(mlflow.store.__path__[0]) / "db_migrations"
    with database.engine(schema, pooled=False).begin() as connection:
        if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
            Base.metadata.create_all(connection)
            connection.commit()  # its scripts open a connection of their own, which must see the tables
        _upgrade(scripts, connection)


def _upgrade(scripts: Path, connection: Connection) -> None:
    """Run Alembic's scripts in a folder up to the newest, without the logging set-up of their alembic.ini."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "heads")
    except CommandError as error:
        raise InvalidRequest(
            f"The database cannot be brought up to date: {error}",
            hint="If a newer release of training_pipeline has used this database, install that one again.",
        ) from error


def _explained(error: DBAPIError, database: Database) -> PipelineError:
    reason = " ".join(str(error.orig).split())
    if isinstance(error, ProgrammingError) and getattr(error.orig, "pgcode", None) == "42501":
        return InvalidRequest(
            f"The database user may not create what is needed in {database}: {reason}",
            hint=f"Grant it: GRANT CREATE ON DATABASE {database.name} TO the user in the URL.",
        )
    return InvalidRequest(f"The tables in {database} cannot be created or brought up to date: {reason}")
