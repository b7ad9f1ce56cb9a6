"""Where the Dagster UI is served, and how many partitions it lists."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from training_pipeline.settings.stated_urls import readable


class DagsterUiSettings(BaseModel):
    """The Dagster UI."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    webserver_host: str = Field(
        "127.0.0.1",
        description="Address that the Dagster UI listens on; a loopback address unless tokens are required.",
    )
    webserver_port: int = Field(3000, ge=1, le=65535, description="Port of the Dagster UI.")
    read_only_host: str | None = Field(
        None,
        description="Address of a second, read-only Dagster UI for others, such as 0.0.0.0. Default: none.",
    )
    read_only_port: int = Field(3001, ge=1, le=65535, description="Port of the read-only Dagster UI.")
    dagster_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/@]+(/\S*)?$",
        description="URL of the Dagster UI, for links and behind a proxy. Default: host and port of the webserver. "
        "Needs AUTH=token, unless it is an address of this machine.",
    )
    dagster_partitions_kept: int = Field(
        10_000,
        ge=100,
        description="Maximum number of training jobs in Dagster's list of partitions. The oldest that have ended are "
        "archived and leave it; they stay in every other list.",
    )

    _dagster_url_is_readable = field_validator("dagster_url")(readable)
