"""Where the REST API and the pages are served, and how much of them one caller gets."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.settings.longest import YEAR_SECONDS


class ApiSettings(BaseModel):
    """The REST API and the pages."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    api_host: str = Field("127.0.0.1", description="Address that the REST API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port of the REST API.")
    api_max_body_bytes: int = Field(2**20, ge=1024, description="Maximum size of a request body in bytes.")
    api_request_seconds: float = Field(
        60.0, gt=0, le=YEAR_SECONDS, description="Time limit of a request in seconds; after it the answer is 503."
    )
    api_creates_at_once: int = Field(
        4, ge=1, description="Number of training jobs that are created at the same time; other requests wait in order."
    )
    api_requests_per_second: float = Field(
        200.0, ge=0.001, le=1e9, description="Sustained rate limit of one caller; bursts may be ten times as large."
    )
    api_failures_per_minute: float = Field(
        30.0,
        ge=0.001,
        le=1e9,
        description="Rate limit of requests without a valid token from one address; also the burst size.",
    )
