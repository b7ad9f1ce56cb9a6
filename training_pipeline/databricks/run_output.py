"""What a run tells of itself: its page, why it ended, and the JSON that our program wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from training_pipeline.databricks.workspace_pages import is_page

if TYPE_CHECKING:  # heavy, and known to whoever has a run
    from databricks.sdk.service import jobs

    from training_pipeline.databricks.runs import Known


def why_ended(told: Mapping[str, Any], message: str, output: jobs.RunOutput | None) -> str:
    """The cause that the program told, else what Databricks says."""
    said = told.get("error") or (output.error if output else None) or message
    return said or "Databricks ended the run without giving a reason."


def places(run: jobs.Run | jobs.BaseRun, known: Known) -> dict[str, str | None]:
    """Where else the run is to be seen."""
    return {
        "run_url": page_of(run),
        "mlflow_experiment_id": known.experiment_id,
        "mlflow_run_id": known.mlflow_run_id,
    }


def page_of(run: jobs.Run | jobs.BaseRun) -> str | None:
    """The run's page, if it is one that people may be sent to."""
    return run.run_page_url if run.run_page_url and is_page(run.run_page_url) else None


def parsed(content: bytes | None) -> dict[str, Any]:
    """The JSON object in `content`; empty where there is none."""
    try:
        value = json.loads(content or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
