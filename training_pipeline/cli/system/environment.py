"""The environment variables a process needs to work on an installation, and the set-up of what they point to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from training_pipeline.app.ownership import require_own
from training_pipeline.infra.database import open_database
from training_pipeline.infra.migrations import migrate
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX

#: What `up` and `env` link into Dagster's home.
DAGSTER_YAML: Final = Path(__file__).with_name("dagster.yaml")


def prepare_environment(settings: Settings) -> dict[str, str]:
    """Ensure state directory, Dagster home, running database and migrated tables; the variables that lead to them.

    The variables hold the database's password. They carry every setting that was made, so that a child process does
    not depend on a `.env` file in its working directory. Idempotent, and safe from several processes at once. Raises
    `Conflict` where the database is another installation's.
    """
    ensure_state_directory(settings)
    database = open_database(settings)
    migrate(database)
    require_own(settings, database)
    link(DAGSTER_YAML, settings.dagster_home / "dagster.yaml")
    return {
        **exported(settings),
        "DAGSTER_HOME": str(settings.dagster_home),
        "DAGSTER_POSTGRES_URL": database.url("dagster"),
    }


def tracking_environment(settings: Settings) -> dict[str, str]:
    """The variable by which MLflow's own tools find the runs; none where jobs are trained on Databricks. Reads.

    Not for our own processes: a trainer that had it would write runs of its own.
    """
    from training_pipeline.tracking.own_mlflow import SCHEMA  # here: few ask, and it brings MLflow's own parts

    if settings.backend == "databricks":
        return {}
    uri = settings.mlflow_tracking_uri
    return {"MLFLOW_TRACKING_URI": open_database(settings).url(SCHEMA) if uri is None else uri.get_secret_value()}


def exported(settings: Settings) -> dict[str, str]:
    """The settings as environment variables: the state directory, and every other one that was set."""
    stated = {
        name: getattr(settings, name) for name in type(settings).model_fields if name in settings.model_fields_set
    }
    stated["state_dir"] = settings.state_dir
    return {PREFIX + name.upper(): _written(value) for name, value in stated.items() if value is not None}


def _written(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    plain = to_jsonable_python(value)
    return json.dumps(plain) if isinstance(plain, dict | list) else str(value)


def link(target: Path, path: Path) -> None:
    """Make `path` a link to `target`, atomically. A file of the user's own that is in its place stays."""
    if path.is_symlink() or not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(path)
