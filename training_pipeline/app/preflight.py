"""The preflight of the configured installation: its settings first, then the workspace that they name."""

from __future__ import annotations

from training_pipeline.app.backend import databricks_backend, databricks_options
from training_pipeline.app.sheet_source import workspace
from training_pipeline.databricks.preflight import Check, State, preflight
from training_pipeline.domain.errors import PipelineError
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX


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
        *preflight(
            workspace(settings),
            databricks_options(settings),
            warehouse_id=settings.databricks_warehouse_id if in_tables else None,
            tables=tables if in_tables else (),
        ),
    ]
