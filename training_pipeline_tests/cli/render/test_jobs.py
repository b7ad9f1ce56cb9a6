from __future__ import annotations

import pytest
from rich.console import Console, RenderableType

from training_pipeline.cli.render import jobs
from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.advice import ActualCost, TrainingJobAdvice
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.training_job import TrainingJobPage
from training_pipeline.testing.jobs.api_answers import job

CURSOR = "eyJpZCI6" * 20


def lines(shown: RenderableType, width: int) -> list[str]:
    console = Console(width=width, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(shown, crop=False)
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_ids_and_statuses_are_never_cut_off(width: int) -> None:
    long = "a-training-sheet-with-a-very-long-name-that-somebody-chose"
    found = [
        job(status, progress_percent=100.0, training_sheet_id=long, model_name=long, created_by=long, train_loss=0.5)
        for status in JobStatus
    ]
    found = [one.model_copy(update={"id": "tj-20261124-221705-f8dfa7"}) for one in found]
    page = TrainingJobPage(jobs=found, total=9, page=1, page_size=7, next_cursor=CURSOR)
    shown = lines(jobs.table(page), width)
    for status, line in zip(JobStatus, shown[1:], strict=False):
        assert f"tj-20261124-221705-f8dfa7 {status}" in line, line
        assert all(word in line for word in ("100 %", "0.500", "…"))
        assert len(line) <= width
    assert shown[-1].endswith(f"--cursor {CURSOR}")


def test_what_people_typed_is_shown_as_it_is() -> None:
    found = job(JobStatus.FAILED, error_message="[red]no[/]", created_by="[bold]", cancel_reason="[x]")
    events = TrainingJobEventPage(events=[], total=0, page=1, page_size=20, next_cursor=None)
    advised = TrainingJobAdvice(
        job_id="tj-1",
        rules_version=None,
        advice=[],
        findings=[],
        estimate=None,
        actual_seconds=None,
        actual_cost=ActualCost(dbu=1.5, amount=0.75, currency="EUR", basis="1.50 DBU billed, 0.5 EUR each"),
    )
    shown = "\n".join(lines(jobs.details(found, events, advised), 100))
    assert all(word in shown for word in ("[red]no[/]", "[bold]", "not counted yet", "0.75 EUR; 1.50 DBU billed"))
