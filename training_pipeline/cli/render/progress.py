"""A training job while it is trained: its progress, live in a terminal, as lines in a file or a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.job import badge, event_line
from training_pipeline.domain.job import JobStatus

if TYPE_CHECKING:
    from training_pipeline.schemas.event import TrainingJobEvent
    from training_pipeline.schemas.training_job import TrainingJob

BAR_WIDTH = 40


class LiveProgress:
    """A live display of a job and its events. In a pipe it prints a line for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._job: TrainingJob | None = None
        self._tenth = 0

    @contextmanager
    def running(self) -> Iterator[LiveProgress]:
        """Draw while the block runs."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(console=self._console, refresh_per_second=4, get_renderable=self._drawn):
            yield self

    def seen(self, job: TrainingJob) -> None:
        """Show the job as it is now."""
        before, self._job = self._job, job
        if self._console.is_terminal:
            return
        if before is None or job.status is not before.status:
            self._console.print(f"{job.id}: {job.status}")
            return
        tenth = int(job.progress_percent // 10)
        if tenth > self._tenth and job.status is JobStatus.RUNNING:
            self._console.print(f"{job.id}: {job.progress_percent:.0f} %  {measured(job)}")
        self._tenth = max(tenth, self._tenth)

    def happened(self, event: TrainingJobEvent) -> None:
        """Print an event, above the live part where there is one."""
        self._console.print(event_line(event))

    def notice(self, message: str) -> None:
        """Print a message about the watching itself, such as a lost connection."""
        self._console.print(Text(message, style="yellow"))

    def _drawn(self) -> RenderableType:
        return Group(Text(), Text()) if self._job is None else drawn(self._job, datetime.now(UTC))


def drawn(job: TrainingJob, now: datetime) -> RenderableType:
    """The live part: badge, bar, percent, time so far and left; and below what was measured."""
    waiting = job.status in {JobStatus.PENDING, JobStatus.QUEUED}
    grid = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=100, completed=job.progress_percent, width=BAR_WIDTH, pulse=waiting)
    time = clock(_seconds(job, now))
    if job.eta_seconds is not None and job.status is JobStatus.RUNNING:
        time += f", {clock(job.eta_seconds)} left"
    grid.add_row(badge(job.status), bar, f"{job.progress_percent:.0f} %", Text(time, style="dim"))
    # Always as high: rich draws in a thread of its own, and would leave a line behind where the height just changes.
    return Group(grid, Text(measured(job), style="dim"))


def measured(job: TrainingJob) -> str:
    """How far the job is and what was measured last, in one line; empty where nothing was."""
    parts = [reached(job)] if reached(job) else []
    if job.train_loss is not None:
        parts.append(f"loss {job.train_loss:.3f}")
    if job.val_loss is not None:
        parts.append(f"validation {job.val_loss:.3f}")
    return " · ".join(parts)


def reached(job: TrainingJob) -> str:
    """Epochs and steps done of those planned; empty where nothing is known."""
    parts = []
    if job.current_epoch is not None and job.total_epochs:
        parts.append(f"epoch {job.current_epoch:.1f} of {job.total_epochs:g}")
    if job.current_step is not None and job.planned_steps:
        parts.append(f"step {job.current_step:,} of {job.planned_steps:,}")
    return " · ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as 0:41, 1:35:00 or 2 days, 3:00:00."""
    text = str(timedelta(seconds=round(max(0.0, seconds))))
    return text.removeprefix("0:0") if text.startswith("0:0") else text.removeprefix("0:")


def _seconds(job: TrainingJob, now: datetime) -> float:
    begun = job.started_at or job.created_at
    return ((job.completed_at or now) - begun).total_seconds()
