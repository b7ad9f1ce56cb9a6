"""Health as clients see it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training_pipeline.schemas.base import Answer


class Health(Answer):
    """The process answers."""

    status: Literal["ok"] = Field("ok", description="Always `ok`.", examples=["ok"])


class Check(Answer):
    """One thing that is needed."""

    name: str = Field(description="database, backend or dagster_daemon.", examples=["database"])
    ok: bool = Field(description="Whether it is there.", examples=[True])
    detail: str = Field(description="What is wrong; empty where nothing is.", examples=[""])


class Readiness(Answer):
    """Everything that is needed is there."""

    status: Literal["ready"] = Field("ready", description="Always `ready`.", examples=["ready"])
    checks: list[Check] = Field(description="What was looked at.")
