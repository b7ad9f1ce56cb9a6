from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from training_pipeline.cli.render.progress import LiveProgress, clock, drawn
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.api_answers import event, job

FAR: dict[str, Any] = {
    "progress_percent": 42.4,
    "current_epoch": 12.5,
    "total_epochs": 13.0,
    "current_step": 1_170,
    "planned_steps": 1_403,
    "train_loss": 0.42,
    "val_loss": 0.51,
    "eta_seconds": 95.0,
}


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (41.4, "0:41"), (95, "1:35"), (600, "10:00"), (3600, "1:00:00"), (-1, "0:00")]
)
def test_seconds_as_people_read_them(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("status", JobStatus)
def test_it_fits_and_says_what_is_known(width: int, status: JobStatus) -> None:
    begun = datetime.now(UTC)
    found = job(status, started_at=begun, **FAR)
    console = Console(width=width, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(drawn(found, begun + timedelta(seconds=41)))
    lines = captured.get().splitlines()
    assert len(lines) == 2
    assert all(word in lines[0] for word in (status, "42 %", "0:41"))
    assert lines[1].startswith("epoch 12.5 of 13 · step 1,170 of 1,403 · loss 0.420 · validation 0.510")
    assert ("1:35 left" in lines[0]) == (status is JobStatus.RUNNING)


def test_in_a_terminal_events_stand_above_the_bar() -> None:
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as captured, LiveProgress(console).running() as progress:
        progress.seen(job(**FAR))
        progress.happened(event(7))
        progress.notice("[lost]")
    shown = captured.get()
    assert "event 7" in shown
    assert "[lost]" in shown
    assert "42 %" in shown
