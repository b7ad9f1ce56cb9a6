"""The id of a training job: how one is made, and what can be one."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Final

_TIME: Final = r"\d{8}-\d{6}"
_RANDOM: Final = r"[0-9a-f]{6}"
#: What `new_job_id` makes.
MADE: Final = rf"tj-{_TIME}-{_RANDOM}"
#: What every face accepts for the id of a job; a run directory is named by it, so nothing that leads out of one.
PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$"


def new_job_id(now: datetime) -> str:
    """An id such as `tj-20261123-072145-9f3a2c`: sorts by time (UTC, seconds), reads well, never guessed twice."""
    return f"tj-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def made_at(run_id: str) -> str | None:
    """The time in the id of a job or of an evaluation, as digits; null for ids of another form.

    Of an evaluation of a model that is kept, it is the time in the id of the model's job.
    """
    found = re.fullmatch(rf"(?:tj|ev|ev-tj)-({_TIME})-{_RANDOM}(?:-[a-z_]+)?", run_id)
    return found[1].replace("-", "") if found else None


def is_job_id(text: str) -> bool:
    """Whether `text` can be the id of a training job; says nothing about whether there is such a job."""
    return re.fullmatch(PATTERN, text) is not None
