"""The note and the tags of a training job, in a terminal: as they were written, without any markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.console import RenderableType
from rich.text import Text

from training_pipeline.cli.render.job import facts

if TYPE_CHECKING:
    from training_pipeline.schemas.training_job import TrainingJob

#: So many tags are shown in a list; all are in the JSON.
_SHOWN: Final = 3


def written(job: TrainingJob) -> RenderableType:
    """What is written on a job now."""
    grid = facts()
    grid.add_row("job", job.id)
    grid.add_row("note", Text(job.note or "-"))
    grid.add_row("tags", Text(", ".join(job.tags) or "-"))
    return grid


def some(tags: Sequence[str]) -> Text:
    """The first tags, and how many more there are."""
    more = f" +{len(tags) - _SHOWN}" if len(tags) > _SHOWN else ""
    return Text(", ".join(tags[:_SHOWN]) + more)
