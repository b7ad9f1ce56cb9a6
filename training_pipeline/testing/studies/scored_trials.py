"""Trials whose models are evaluated: a test says the share of right answers of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.app.container import Services
from training_pipeline.backends.evaluating import EvaluationOrder, ScoresFile
from training_pipeline.backends.results import TrainingResult
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.study import Trial
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.studies.trial_life import DIGEST, TrialBackend, begin, end
from training_pipeline.training_jobs.store import lineage

#: What a lineage record has once a model is there.
LATER: Final = {"model_version", "model_files", "base_model", "recipe", "assets"}


class ScoringBackend(TrialBackend):
    """Trials as in `TrialBackend`; an evaluation asks for its questions and has succeeded once it has them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        #: The share of right answers of the model of each job.
        self.right: dict[str, float] = {}
        #: Of how many of the pairs the model of each job comes to no loss, though its loss of the others is low.
        self.without_loss: dict[str, int] = {}
        #: How often each evaluation was started, and the pairs that were handed over to it.
        self.evaluated: dict[str, int] = {}
        self.asked: dict[str, list[str]] = {}
        self.has_compute = True
        self.outcome = TrainingResult(
            model_dir=folder,
            model_files={},
            steps=1,
            planned_steps=1,
            epochs_completed=1.0,
            tokens=1,
            duration_seconds=1.0,
        )

    def evaluate(self, order: EvaluationOrder) -> None:
        """Take note of it."""
        self.evaluated[order.evaluation_id] = self.evaluated.get(order.evaluation_id, 0) + 1

    def hand_over(self, evaluation_id: str, lines: Callable[[], Iterable[str]], *, asked: float) -> bool:
        """Keep the ids of the pairs."""
        self.asked[evaluation_id] = [json.loads(line)["pair_id"] for line in lines()]
        return True

    def status(self, job_id: str, attempt: int) -> RunState:
        """How a trial or an evaluation is."""
        if not job_id.startswith("ev-"):
            return super().status(job_id, attempt)
        if job_id not in self.evaluated:
            raise NotFound(f"no evaluation {job_id}")
        if job_id in self.cancelled:
            return RunState(status=JobStatus.CANCELLED)
        if job_id in self.asked:
            return RunState(status=JobStatus.SUCCEEDED)
        return RunState(status=JobStatus.QUEUED, asks_since=1.0 if self.has_compute else None)

    def scores(self, evaluation_id: str) -> Mapping[str, ScoresFile]:
        """As many right answers as the test says, the first ones."""
        asked = self.asked[evaluation_id]
        job_id = evaluation_id.removeprefix("ev-").rsplit("-", 1)[0]
        right = round(self.right.get(job_id, 0.5) * len(asked))
        path = self.folder / f"{evaluation_id}.parquet"
        missing = self.without_loss.get(job_id, 0)
        columns = {
            "exact_match": [float(place < right) for place in range(len(asked))],
            "token_loss": [None] * missing + [0.1 if missing else 1.0] * (len(asked) - missing),
        }
        pq.write_table(pa.table({"pair_id": asked, **columns}), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return {"tuned": ScoresFile(path=path, sha256=digest, pairs=len(asked))}


def trained(
    services: Services,
    backend: ScoringBackend,
    trial: Trial,
    *,
    right: float,
    val_loss: float = 1.0,
    splits: bool = True,
) -> str:
    """The job of a trial at its end, with a model that answers that share of a suite right; the job's id.

    Unless it `splits`, it has no dataset, which would take most of the time: whether a model has seen a pair cannot be
    asked then.
    """
    job_id = trial.job_id or ""
    if splits:
        digest = prepared(services, job_id).data.dataset_digest or ""
    else:
        digest = DIGEST
        unknown = dict.fromkeys(LineageRecord.model_fields.keys() - LATER, "")
        lineage.write(services.store, LineageRecord.model_validate({**unknown, "job_id": job_id}))
    begin(services, backend, job_id, digest=digest)
    end(services, job_id, val_loss=val_loss)
    backend.right[job_id] = right
    return job_id
