"""Models that are trained on this machine, or asked here."""

from __future__ import annotations

import shlex
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from training_pipeline.settings.longest import YEAR_SECONDS


class LocalSettings(BaseModel):
    """Training on this machine."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    base_models: str | None = Field(
        None,
        description=(
            "Base models that the local backend may use in addition to those it offers: patterns of absolute "
            "paths and of Hugging Face ids with * and ?, separated by commas. Default: any; with AUTH=token "
            "any Hugging Face id and the models that were trained here."
        ),
    )
    local_slots: int = Field(1, ge=1, description="Number of jobs that may train on this machine at the same time.")
    local_resumes: int = Field(2, ge=0, description="How often a trainer that crashed is resumed from its checkpoint.")
    local_sharding: Literal["auto", "always", "never"] = Field(
        "auto",
        description=(
            "Whether a model is divided among the GPUs of this machine, one process for each (FSDP2): only if"
            " it does not fit on one GPU, always, or never."
        ),
    )
    local_early_start: bool = Field(
        True,
        description=(
            "Whether the training program imports its libraries while the dataset is still being made, if a "
            "slot is free and no other job waits for it. Training starts seconds sooner, and the memory of "
            "the libraries is used sooner."
        ),
    )
    local_trainer: str | None = Field(
        None,
        description="Command for the training program if it is in another environment, such as "
        '"/opt/train/bin/python -m training_pipeline.sft"; the path of its configuration is appended.',
    )
    cancel_grace_seconds: float = Field(
        20.0, gt=0, le=YEAR_SECONDS, description="Seconds a trainer has to stop before it is killed."
    )
    playground_seconds: float = Field(
        50.0,
        ge=5,
        le=YEAR_SECONDS,
        description=(
            "Time limit in seconds for all models that answer one question in the playground. At most the "
            "time limit of a request less 5 seconds."
        ),
    )
    playground_memory_mb: int | None = Field(
        None,
        ge=256,
        description=(
            "Memory limit in MB for these models; the same limit applies to a GPU. Default: half of this "
            "machine's memory."
        ),
    )
    playground_at_once: int = Field(
        1,
        ge=1,
        le=16,
        description=(
            "Number of playground questions that are answered at the same time, one per person. Each may use "
            "the memory above."
        ),
    )
    playground_waiting: int = Field(
        10,
        ge=0,
        le=30,
        description="Number of people who may wait for their turn in the playground, in order of arrival.",
    )
    playground_wait_seconds: float = Field(
        20.0,
        ge=0,
        le=YEAR_SECONDS,
        description=(
            "Maximum waiting time in the playground, in seconds. Waiting and answers together take at most "
            "the time limit of a request less 5 seconds."
        ),
    )

    @field_validator("local_trainer")
    @classmethod
    def _is_a_command(cls, value: str | None) -> str | None:
        try:
            words = None if value is None else shlex.split(value)
        except ValueError:  # such as a quotation mark without its second one
            words = []
        if words == []:
            raise ValueError("expected a command, each quotation mark closed, or no value for the default")
        return value
