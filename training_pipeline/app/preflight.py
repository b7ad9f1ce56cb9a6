"""The preflight of the configured installation: its settings first, then its database, and the workspace they name."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from training_pipeline.app.backend import databricks_backend, databricks_options
from training_pipeline.app.sheet_source import workspace
from training_pipeline.databricks.preflight import Check, State, preflight
from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX

#: Whether the schemas can be made, or are there to be written to.
_MAY_WRITE: Final = text(
    "SELECT current_user, has_database_privilege(current_database(), 'CREATE')"
    " OR (SELECT count(*) = 3 FROM pg_namespace WHERE nspname IN ('dagster', 'training', 'mlflow')"
    " AND has_schema_privilege(oid, 'CREATE'))"
)
#: What the bundle states as the app's URL until that is known.
_NOT_KNOWN: Final = "not-known-yet"


def preflight_of(settings: Settings) -> list[Check]:
    """Check the settings, and where they are sufficient the workspace. Never raises for what may be missing."""
    try:
        models = databricks_backend(settings).base_models()
    except PipelineError as error:
        problems = "".join(f" {problem.pointer}: {problem.message}." for problem in error.problems)
        return [Check("settings", State.MISSING, error.message + problems, error.hint)]
    default = next(model.id for model in models if model.default)
    said = f"the default base model is {default}"
    if settings.backend != "databricks":
        said += f"; jobs run on this machine until {PREFIX}BACKEND=databricks is set"
    tables = [table for table in (settings.uc_sheets_table, settings.uc_pairs_table) if table]
    in_tables = settings.sheet_source == "unity_catalog"
    return [
        Check("settings", State.OK, said),
        *_of_an_app(settings),
        *_of_a_stated_database(settings),
        *preflight(
            workspace(settings),
            databricks_options(settings),
            warehouse_id=settings.databricks_warehouse_id if in_tables else None,
            tables=tables if in_tables else (),
        ),
    ]


def _of_an_app(settings: Settings) -> list[Check]:
    """What has to be stated where a proxy names the users, as for a Databricks App."""
    if settings.proxy_user_header is None:
        return []
    users = Check(
        "users", State.OK, f"{settings.proxy_user_header} names them; {len(settings.proxy_roles)} roles are stated"
    )
    if not settings.proxy_roles:
        users = Check(
            "users",
            State.MISSING,
            "no role is assigned, so nobody has access",
            f"State who has which: {PREFIX}PROXY_ROLES",
        )
    url = settings.api_public_url
    if url is not None and _NOT_KNOWN not in url:
        return [users, Check("public URL", State.OK, url)]
    remedy = f"Set {PREFIX}API_PUBLIC_URL to the app's URL, which `databricks apps get NAME` shows"
    return [
        users,
        Check("public URL", State.MISSING, "it is not stated, so requests to the app's host are refused", remedy),
    ]


def _of_a_stated_database(settings: Settings) -> list[Check]:
    """Connect as everything does, with a password made anew where a command makes it. Writes that password's file."""
    name = "database"
    try:
        if (database := Database.stated(settings)) is None:
            return []
        if database.passwords is not None:
            database.passwords.refresh()
        with database.engine("public", pooled=False).connect() as connection:
            user, may_write = connection.execute(_MAY_WRITE).one()
    except PipelineError as error:
        return [Check(name, State.MISSING, error.message, error.hint)]
    if may_write:
        return [Check(name, State.OK, f"{user} may write to {database.location}")]
    said = f"{user} may not make the schemas dagster, training and mlflow in {database.location}"
    return [Check(name, State.MISSING, said, f'GRANT CREATE ON DATABASE "{database.name}" TO "{user}"')]
