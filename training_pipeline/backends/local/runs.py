"""The directory of all runs: where each one is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.domain.errors import BackendFailed, NotFound, Unavailable
from training_pipeline.domain.job_id import is_job_id
from training_pipeline.infra.json_file import BrokenFile


class Runs:
    """The runs below one directory, one for each attempt of a job and for each evaluation."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def of(self, job_id: str, attempt: int) -> RunDirectory:
        """The run of an attempt, whether or not it exists; raises `NotFound` for what cannot be the id of a job."""
        if not is_job_id(job_id):
            raise NotFound(f"{job_id!r} is no job id: 1 to 64 letters, digits, '_' and '-' were expected.")
        return RunDirectory(self.path / f"{job_id}-{attempt}")

    def submitted(self, job_id: str, attempt: int) -> RunDirectory:
        """The run of an attempt that was submitted; raises `NotFound` for any other. Reads."""
        run = self.of(job_id, attempt)
        with using(run):
            if run.orders() is None:
                raise NotFound(f"Attempt {attempt} of the job {job_id} was never submitted to {self.path}.")
        return run

    def make(self, run: RunDirectory) -> None:
        """Make the directory of a run, for its owner only. Idempotent."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        run.path.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def using(run: RunDirectory) -> Iterator[None]:
    """Turn what the file system refuses into an error for people."""
    try:
        yield
    except BrokenFile as error:
        raise BackendFailed(f"The run {run.path.name} cannot be read: {error}.") from error
    except OSError as error:
        what = f"The run directory {error.filename or run.path} cannot be used: {error.strerror or error}."
        hint = "Free disk space, or check its owner and TRAINING_PIPELINE_STATE_DIR. It is retried automatically."
        raise Unavailable(what, hint=hint) from error
