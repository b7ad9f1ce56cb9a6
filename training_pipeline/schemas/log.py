"""The response model of a job's log."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from training_pipeline.schemas.base import Answer

#: The most bytes of a log that one answer holds.
MOST_BYTES: Final = 262_144
BYTES: Final = 65_536
FEWEST_BYTES: Final = 1_024


class TrainingJobLog(Answer):
    """A part of what the trainer has printed: whole lines, without text of pairs and without secrets."""

    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    text: str = Field(
        description="Lines of this part of the log.",
        examples=["2026-11-23T07:22:30Z Step 20 of 403: train_loss 0.42, peak memory 612 MB.\n"],
    )
    offset: int = Field(description="Byte offset at which this part begins.", examples=[0])
    next_offset: int = Field(description="The `offset` of the next part.", examples=[84])
    size: int = Field(description="Current size of the log in bytes.", examples=[84])
    over: bool = Field(description="Whether the log is complete because the job has ended.", examples=[False])
    unavailable: str | None = Field(
        description="Why the log cannot be read from here; null where it can.",
        examples=["Backend databricks keeps the output of its runs: see the page of the run."],
    )
