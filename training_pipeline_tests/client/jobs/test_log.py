"""What a caller is told of a job's log, and why where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.app.container import Services
from training_pipeline.backends.local.run_log import read_log
from training_pipeline.backends.logs import LogPart
from training_pipeline.client.jobs.log import log_part
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.testing.system.installation import with_parts


class Printing(ScriptedBackend):
    """A backend whose runs have printed what is in a file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def log(self, job_id: str, attempt: int, offset: int | None, *, limit: int) -> LogPart:
        if not self.file.exists():
            raise NotFound(f"No attempt {attempt} of {job_id}.")
        return read_log(self.file, offset, limit=limit, ended=False)


def test_the_log_of_a_job_that_runs_and_of_one_that_has_none(services: Services, tmp_path: Path) -> None:
    job = services.store.create(new_job(), message="Created.")
    assert "keeps the output of its runs" in str(log_part(services, job.id, None, limit=2000).unavailable)
    file = tmp_path / "trainer.log"
    parts = with_parts(services, backend=Printing(file))
    waiting = log_part(parts, job.id, None, limit=2000)
    assert (waiting.text, waiting.unavailable, waiting.over) == ("", None, False)
    file.write_text("one\ntwo\n")
    assert log_part(parts, job.id, 4, limit=2000).text == "two\n"
    with pytest.raises(NotFound):
        log_part(parts, "tj-none", None, limit=2000)


def test_a_run_that_is_gone_is_told(services: Services, tmp_path: Path) -> None:
    parts = with_parts(services, backend=Printing(tmp_path / "none"))
    over = services.store.create(new_job(status=JobStatus.FAILED), message="Created.")
    assert log_part(parts, over.id, None, limit=2000).unavailable == "Its run is not on this machine."
    other = services.store.create(new_job(backend="databricks"), message="Created.")
    assert "backend databricks" in str(log_part(parts, other.id, None, limit=2000).unavailable)
