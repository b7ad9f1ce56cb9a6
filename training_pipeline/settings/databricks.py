"""Training on Databricks, and the requests to a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.workspace_access import AccessEntry
from training_pipeline.settings.longest import CENTURY_DAYS, YEAR_SECONDS


class DatabricksSettings(BaseModel):
    """Training on Databricks."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    databricks_volume: str | None = Field(
        None,
        pattern=r"^[^./\s]+\.[^./\s]+\.[^./\s]+$",
        description="Unity Catalog volume for datasets and results, such as main.ml.training; required.",
    )
    databricks_workspace_dir: str | None = Field(
        None,
        pattern=r"^/Workspace/.*[^/]$",
        description="Workspace folder for programs and MLflow experiments. Default: in the user's own folder.",
    )
    databricks_accelerator: Literal["GPU_1xA10", "GPU_1xH100", "GPU_8xH100", "GPU_8xB300"] | None = Field(
        None, description='Accelerator for "auto" if the base model fits on it; otherwise the smallest one it fits on.'
    )
    databricks_environment_version: str = Field("4", description="Version of the serverless environment.")
    databricks_image: str | None = Field(
        None,
        pattern=r"^[^\s:]+:[^\s:/]+$",
        description="Container image of the workers instead of Databricks' own: catalog.schema.image:tag in Unity "
        "Catalog, or organization/repository:tag of a registry.",
    )
    databricks_provisioned_capacity_id: str | None = Field(
        None, pattern=r"^\S+$", description="Reserved GPU capacity that runs are put on instead of shared capacity."
    )
    databricks_access_control_list: list[AccessEntry] = Field(
        [],
        description=(
            "Access for others, as JSON: a list of objects with one of user_name, group_name and "
            "service_principal_name, permission_level (CAN_VIEW, CAN_MANAGE_RUN, CAN_MANAGE) for runs, and "
            "model_privileges (such as EXECUTE) for registered models."
        ),
    )
    databricks_usage_policy_id: str | None = Field(None, description="Serverless usage policy that runs are billed to.")
    databricks_budget_policy_id: str | None = Field(None, description="Older name of the usage policy (budget policy).")
    databricks_models_file: Path | None = Field(
        None, description="JSON file with base models to add to the catalogue, or to replace entries of it."
    )
    databricks_hf_token_secret: str | None = Field(
        None,
        pattern=r"^[^/\s]+/[^/\s]+$",
        description="Databricks secret, as scope/key, with the Hugging Face token of the workers. It needs the "
        "permission of the owners of gated base models.",
    )
    databricks_retention_days: float | None = Field(
        None,
        ge=1,
        le=CENTURY_DAYS,
        description="Days after which datasets and results in the volume that no job, model or lineage record needs "
        "are removed. Default: nothing is removed.",
    )
    databricks_http_timeout_seconds: int = Field(
        30, ge=1, le=YEAR_SECONDS, description="Timeout of one request in seconds."
    )
    databricks_retry_seconds: int = Field(
        20,
        ge=1,
        le=YEAR_SECONDS,
        description="Seconds to retry a failed request; a wrong host is reported only after this time.",
    )
