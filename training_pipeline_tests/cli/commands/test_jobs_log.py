"""`jobs log`: the whole log, and on to the end of the job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from training_pipeline.cli.commands.jobs_log import print_log
from training_pipeline.client.base import Client
from training_pipeline.schemas.log import TrainingJobLog

Show = Callable[..., tuple[str, str]]


class Growing:
    """A client whose job prints a line whenever it is waited for, until none is left."""

    def __init__(self, lines: int, *, unavailable: str | None = None) -> None:
        self.printed = "first\n" if lines else ""
        self.left = lines
        self.unavailable = unavailable

    def log(self, job_id: str, *, offset: int | None = None, limit: int = 8) -> TrainingJobLog:
        text = self.printed[offset or 0 :][:limit]
        end = (offset or 0) + len(text)
        facts: dict[str, Any] = {"text": text, "offset": offset or 0, "next_offset": end, "size": len(self.printed)}
        return TrainingJobLog(job_id=job_id, over=self.left <= 1, unavailable=self.unavailable, **facts)

    def wait(self, _: float) -> None:
        self.left -= 1
        self.printed += f"line {self.left}\n"


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Show:
    def show(client: Growing, *, follow: bool) -> tuple[str, str]:
        print_log(cast("Client", client), "tj-1", follow=follow, sleep=client.wait)
        told = capsys.readouterr()
        return told.out, told.err

    return show


def test_it_follows_to_the_end_of_the_job(shown: Show) -> None:
    assert shown(Growing(3), follow=False) == ("first\n", "")
    assert shown(Growing(3), follow=True) == ("first\nline 2\nline 1\n", "")


def test_it_says_why_there_is_nothing(shown: Show) -> None:
    assert shown(Growing(0), follow=False) == ("", "Nothing was printed.\n")
    assert shown(Growing(0, unavailable="Not here."), follow=True) == ("", "Not here.\n")
