"""When training sheets are checked for retraining."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

DEFAULT_CRON: Final = "0 6 * * 1"


class RetrainingSettings(BaseModel):
    """Automatic retraining."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    retrain_cron: str = Field(
        DEFAULT_CRON,
        pattern=r"^\s*(\S+\s+){4}\S+\s*$",
        description="When the schedule `retrain_changed_sheets` checks the sheets: a cron expression of five fields.",
    )
    retrain_timezone: str = Field("UTC", description="Timezone of that cron expression, such as Europe/Zurich.")

    @field_validator("retrain_timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is not the name of a timezone, such as Europe/Zurich") from None
        return value

    @field_validator("retrain_cron")
    @classmethod
    def _cron(cls, value: str) -> str:
        if value == DEFAULT_CRON:
            return value
        import dagster as dg  # only where a cron is set: importing it takes longer than most commands

        try:
            ticks = dg.TimeWindowPartitionsDefinition(start="2024-01-01", fmt="%Y-%m-%d", cron_schedule=value)
            ticks.get_first_partition_window()  # fails for a day that never comes, such as the 31st of April
        except Exception:  # noqa: BLE001 - it raises errors of many classes
            raise ValueError("is not a cron expression of five fields that ever comes, such as 0 6 * * 1") from None
        return value
