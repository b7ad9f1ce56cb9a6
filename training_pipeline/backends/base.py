"""The interface between a training job and the backend that trains it.

All verbs are idempotent by job id and attempt: calling one again, from any process, after any crash, never starts a
second training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from training_pipeline.backends.base_models import BaseModelOffer
from training_pipeline.backends.handles import Handle
from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.results import AnsweredQuestion, TrainingResult
from training_pipeline.backends.run_state import RunState
from training_pipeline.backends.submission import Submission
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.training_config import TrainingConfig


class FineTuningBackend(Protocol):
    """Runs fine-tuning jobs. One that is a `BulkStatus` too is asked about all jobs at once."""

    name: str

    def base_models(self) -> Sequence[BaseModelOffer]:
        """The base models on offer, the default one marked."""
        ...

    def plan(self, base_model: str | None, config: TrainingConfig, *, train_pairs: int | None) -> Plan:
        """Resolve every "auto". Looks for local files only; raises `InvalidRequest` for what it cannot run.

        `train_pairs` is the expected size of the training split, null where it is not known yet.
        """
        ...

    def revision(self, base_model: str) -> str | None:
        """The commit that a base model of `plan` has at the Hugging Face Hub now. Asks the Hub, for a few seconds.

        Null where it is none of the Hub, and where the Hub does not say it in time. Never raises.
        """
        ...

    def identify(self, base_model: str, revision: str | None = None) -> BaseModelRecord:
        """What exactly a base model of `plan` is now. Reads every byte of one in a folder, asks the Hub about others.

        `revision` is what `revision` said when the job was created. Raises `Unavailable` for files that cannot be read.
        """
        ...

    def submit(self, submission: Submission) -> Handle:
        """Start training and return at once; returns the existing handle if the attempt was submitted before."""
        ...

    def find(self, job_id: str, attempt: int) -> Handle | None:
        """The handle of an attempt that reached the backend, else None. Reads only."""
        ...

    def status(self, job_id: str, attempt: int) -> RunState:
        """The state of the run now; raises `NotFound` if the backend knows no such attempt. Reads only."""
        ...

    def metrics(self, job_id: str, attempt: int, offset: int) -> tuple[list[MetricPoint], int]:
        """Points written since `offset` (0 at first) and the offset to ask from next. Reads only.

        May stop before the end of a very long series: there is no more once the offset stays the same. May return
        points again where the backend lost its end of the series.
        """
        ...

    def cancel(self, job_id: str, attempt: int) -> None:
        """Ask for a stop; `status` says `cancelled` once it is confirmed. Nothing happens if the run is over."""
        ...

    def recover(self, job_id: str, attempt: int) -> bool:
        """Save a run that `status` calls lost. It goes on where it was, and counts as the same attempt.

        False if the run has failed for good, because it was lost too often; else true: ask `status` again. Nothing
        happens to a run that is over or well. Raises `NotFound`, or `Unavailable` if it may work later.
        """
        ...

    def result(self, job_id: str, attempt: int) -> TrainingResult:
        """The result of a succeeded run; raises `BackendFailed` with the cause otherwise. Reads only."""
        ...

    def answers(self, job_id: str, attempt: int) -> Sequence[AnsweredQuestion]:
        """What a succeeded run was asked before and after training; empty where it was asked nothing. Reads only.

        It is the text of pairs: for whoever trained the model, and to be stored or logged nowhere.
        """
        ...
