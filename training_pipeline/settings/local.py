"""Models that are trained on this machine, or asked here."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LocalSettings(BaseModel):
    """Training on this machine."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    base_models: str | None = Field(
        None,
        description="Base models that the local backend may use beside those on offer: patterns of absolute paths and "
        "of Hugging Face ids with * and ?, separated by commas. Default: any; with AUTH=token any Hugging Face id and "
        "the models that were trained here.",
    )
    local_slots: int = Field(1, ge=1, description="Number of jobs that may train on this machine at the same time.")
    local_resumes: int = Field(2, ge=0, description="How often a trainer that crashed is resumed from its checkpoint.")
    local_sharding: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether a model is divided among the GPUs of this machine, one process for each (FSDP2): where "
        "one GPU does not hold it, always or never.",
    )
    local_early_start: bool = Field(
        True,
        description="Whether the training program imports its libraries while the dataset is still made, where a slot "
        "is free and no other job waits for it. The job trains seconds sooner, and takes the memory of the libraries "
        "sooner.",
    )
    local_trainer: str | None = Field(
        None,
        description="Command for the training program if it is in another environment, such as "
        '"/opt/train/bin/python -m training_pipeline.sft"; the path of its configuration is appended.',
    )
    cancel_grace_seconds: float = Field(20.0, gt=0, description="Seconds a trainer has to stop before it is killed.")
    playground_seconds: float = Field(
        50.0,
        ge=5,
        description="Seconds that the models of one question of the playground may take together. A request's time "
        "limit, less 5 seconds, is the most.",
    )
    playground_memory_mb: int | None = Field(
        None,
        ge=256,
        description="Memory that they may take, in MB, and as much of a GPU. Default: half of this machine's.",
    )
    playground_at_once: int = Field(
        1,
        ge=1,
        le=16,
        description="Questions of the playground that are answered at the same time, one of each person. Each may take "
        "the memory above.",
    )
    playground_waiting: int = Field(
        10,
        ge=0,
        le=30,
        description="People who may wait for their turn in the playground, in the order they came.",
    )
    playground_wait_seconds: float = Field(
        20.0,
        ge=0,
        description="Seconds that they wait at most. Waiting and answers together take no longer than a request's time "
        "limit, less 5 seconds.",
    )
