"""Response models of the health checks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training_pipeline.schemas.base import Answer


class Health(Answer):
    """The process is alive."""

    status: Literal["ok"] = Field("ok", description="Always `ok`.", examples=["ok"])


class Check(Answer):
    """The check of one dependency."""

    name: str = Field(description="database, backend or dagster_daemon.", examples=["database"])
    ok: bool = Field(description="Whether it is available.", examples=[True])
    detail: str = Field(description="What is wrong; empty if nothing is.", examples=[""])


class Readiness(Answer):
    """All dependencies are available."""

    status: Literal["ready"] = Field("ready", description="Always `ready`.", examples=["ready"])
    checks: list[Check] = Field(description="The checks that were made.")
