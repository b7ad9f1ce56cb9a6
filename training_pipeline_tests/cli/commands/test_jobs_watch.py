from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from training_pipeline.cli.commands import jobs_watch
from training_pipeline.client.jobs.base import Notice, Update
from training_pipeline.domain.errors import BackendFailed
from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.testing.jobs.api_answers import event, job


class Client:
    """Follows a job as the test says; an exception is raised."""

    def __init__(self, *updates: Update | BaseException) -> None:
        self._updates = updates
        self.after: int | None = None

    def events(self, job_id: str, *, page_size: int = 50, cursor: str | None = None) -> TrainingJobEventPage:
        past = [event(3), event(2)]
        return TrainingJobEventPage(events=past, total=3, page=1, page_size=page_size, next_cursor=None)

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        self.after = after
        for update in self._updates:
            if isinstance(update, BaseException):
                raise update
            yield update


def follow(client: Client, **options: Any) -> None:
    jobs_watch.follow(client, job(JobStatus.PENDING), **{"json": False, **options})  # type: ignore[arg-type]


def test_in_a_pipe_there_is_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    running = [job(progress_percent=percent, current_epoch=1.0, total_epochs=2.0) for percent in (0, 4, 50, 55)]
    client = Client(event(4), *running, job(JobStatus.SUCCEEDED))
    follow(client)
    lines = capsys.readouterr().out.splitlines()
    assert client.after == 3
    assert [line.partition("  ")[2] if line[2] == ":" else line for line in lines] == [
        "tj-1: pending",
        "event 2",
        "event 3",
        "event 4",
        "tj-1: running",
        "tj-1: 50 %  epoch 1.0 of 2",
        "tj-1: succeeded",
    ]


def test_json_lines_are_the_messages_of_the_stream(capsys: pytest.CaptureFixture[str]) -> None:
    follow(Client(Notice("lost"), event(4), job(JobStatus.SUCCEEDED)), json=True)
    shown = capsys.readouterr()
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert [(line["event"], line.get("id")) for line in lines] == [
        ("job", None),
        ("info", 2),
        ("info", 3),
        ("info", 4),
        ("job", None),
    ]
    assert lines[-1]["data"] == job(JobStatus.SUCCEEDED).model_dump(mode="json") | {
        name: lines[-1]["data"][name] for name in ("created_at", "updated_at")
    }
    assert shown.err == "lost\n"


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT])
def test_a_job_that_did_not_succeed_is_an_error(status: JobStatus) -> None:
    with pytest.raises(BackendFailed, match=f"tj-1 is {status}. The disk is full."):
        follow(Client(job(status, error_message="The disk is full.")))
    with pytest.raises(typer.Exit) as caught:
        follow(Client(job(status)), json=True)
    assert caught.value.exit_code == 1


def test_ctrl_c_stops_the_watching_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        follow(Client(KeyboardInterrupt()))
    assert caught.value.exit_code == 130
    assert "not cancelled" in capsys.readouterr().err
