"""Where MLflow keeps runs and models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from training_pipeline.settings.stated_urls import readable


class TrackingSettings(BaseModel):
    """MLflow."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    mlflow_tracking_uri: SecretStr | None = Field(
        None, description="MLflow server. Default: MLflow's tables in this installation's database."
    )
    mlflow_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/@]+(/\S*)?$",
        description="URL of MLflow's pages, for links. Default: the MLflow server, where there is one.",
    )
    mlflow_experiment: str = Field("training_pipeline", description="MLflow experiment of the training runs.")

    _mlflow_url_is_readable = field_validator("mlflow_url")(readable)
