"""What a submitted run has left on disk so far: its handle, state, metrics, log and results. Reads only."""

from __future__ import annotations

from training_pipeline.backends.handles import Handle
from training_pipeline.backends.local.progress import read_points
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.backends.local.run_log import read_log
from training_pipeline.backends.local.run_status import run_state
from training_pipeline.backends.local.runs import Runs, using
from training_pipeline.backends.logs import LogPart
from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.backends.results import AnsweredQuestion, PairLoss, TrainingResult
from training_pipeline.backends.run_state import RunState
from training_pipeline.backends.trainer_contract import (
    ANSWERS_FILE,
    LOSSES_FILE,
    answered_questions,
    pair_losses,
    training_result,
)
from training_pipeline.domain.errors import BackendFailed
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.json_file import read_json


class StoredRuns:
    """The half of the local backend that reads."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def find(self, job_id: str, attempt: int) -> Handle | None:
        """The handle of an attempt that was submitted, else None. Reads."""
        run = self._runs.of(job_id, attempt)
        with using(run):
            return None if run.orders() is None else handle_of(run)

    def status(self, job_id: str, attempt: int) -> RunState:
        """The state of the run, from its files and locks. Reads."""
        run = self._runs.submitted(job_id, attempt)
        with using(run):
            return run_state(run)

    def metrics(self, job_id: str, attempt: int, offset: int) -> tuple[list[MetricPoint], int]:
        """The points from byte `offset` of progress.jsonl on, and the byte to go on from. Reads."""
        run = self._runs.submitted(job_id, attempt)
        with using(run):
            return read_points(run.progress, offset)

    def result(self, job_id: str, attempt: int) -> TrainingResult:
        """What a succeeded run left behind, paths absolute; raises `BackendFailed` with the cause otherwise. Reads."""
        run = self._runs.submitted(job_id, attempt)
        with using(run):
            outcome = run.outcome()
            if outcome is None:
                raise BackendFailed(f"The run {run.path.name} has not ended yet, so it has no result.")
            if outcome.status != JobStatus.SUCCEEDED:
                raise BackendFailed(outcome.error or f"The run {run.path.name} ended as {outcome.status}.")
            return training_result(read_json(run.result) or {}, run.path)

    def answers(self, job_id: str, attempt: int) -> list[AnsweredQuestion]:
        """What the run was asked before and after training. Reads."""
        run = self._runs.submitted(job_id, attempt)
        with using(run):
            asked = run.path / ANSWERS_FILE
            return answered_questions(asked.read_bytes()) if asked.exists() else []

    def pair_losses(self, job_id: str, attempt: int) -> list[PairLoss]:
        """How badly the trained model predicts each validation pair. Reads."""
        run = self._runs.submitted(job_id, attempt)
        with using(run):
            measured = run.path / LOSSES_FILE
            return pair_losses(measured.read_bytes()) if measured.exists() else []

    def log(self, job_id: str, attempt: int, offset: int | None, *, limit: int) -> LogPart:
        """What the trainer has printed; see `KeepsLog`. Reads."""
        run = self._runs.submitted(job_id, attempt)
        with using(run):
            return read_log(run.trainer_log, offset, limit=limit, ended=run.outcome() is not None)


def handle_of(run: RunDirectory) -> Handle:
    """The name under which the run is found again."""
    return Handle(backend_job_id=run.path.name, backend_run_id=str(run.path))
