"""Training jobs and a backend for tests of what happens around them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from training_pipeline.backends.base_models import BaseModelOffer
from training_pipeline.backends.handles import Handle
from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.results import AnsweredQuestion, TrainingResult
from training_pipeline.backends.run_state import RunState
from training_pipeline.backends.submission import Submission
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.job_id import new_job_id
from training_pipeline.domain.lineage import BaseModelRecord, TrainingRecipe
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.training_jobs.store.rows import job_from_row


def new_job(**values: Any) -> TrainingJob:
    """A pending job; `values` replace its columns."""
    now = datetime.now(UTC)
    return job_from_row(
        {
            "id": new_job_id(now),
            "training_sheet_id": "sheet-123",
            "training_sheet_name": "Triage",
            "model_name": "triage",
            "base_model": "builtin:tiny",
            "requested_config": {},
            "training_config": TrainingConfig(epochs=1).model_dump(),
            "train_val_split": 0.8,
            "split_seed": "sheet-123",
            "created_by": "ada",
            "status": JobStatus.PENDING,
            "created_at": now,
            "updated_at": now,
            "backend": "scripted",
            **values,
        }
    )


class ScriptedBackend:
    """Says what the test tells it to say, and counts what it is asked for."""

    name = "scripted"

    def __init__(self) -> None:
        self.state: RunState | Exception = RunState(status=JobStatus.QUEUED)
        self.points: list[MetricPoint] = []
        self.submissions: list[Submission] = []
        self.known: dict[tuple[str, int], Handle] = {}
        self.revisions: dict[str, str] = {}
        self.cancelled: list[str] = []
        self.recovered: list[str] = []
        self.outcome: TrainingResult | Exception | None = None
        self.fault: Exception | None = None

    def base_models(self) -> Sequence[BaseModelOffer]:
        """One base model, which is the default."""
        return [BaseModelOffer(id="builtin:tiny", description="for tests", default=True)]

    def plan(self, base_model: str | None, config: TrainingConfig, *, train_pairs: int | None) -> Plan:
        """Every "auto" it knows resolved, mostly to 1."""
        known = {"epochs": 1, "batch_size": 1, "max_length": 384}
        resolved = {key: value for key, value in known.items() if getattr(config, key) == "auto"}
        return Plan(base_model=base_model or "builtin:tiny", config=config.model_copy(update=resolved))

    def revision(self, base_model: str) -> str | None:
        """The revision that a test gave the base model."""
        return self.revisions.get(base_model)

    def identify(self, base_model: str, revision: str | None = None) -> BaseModelRecord:
        """The base model by its name and, where the job has one, its revision."""
        when: Literal["creation"] | None = None if revision is None else "creation"
        return BaseModelRecord(reference=base_model, revision=revision, resolved_at=when)

    def submit(self, submission: Submission) -> Handle:
        """The same handle for the same attempt however often it is asked; raises `fault` where a test set one."""
        if self.fault is not None:
            raise self.fault
        key = (submission.job_id, submission.attempt)
        if key not in self.known:
            self.submissions.append(submission)
            self.known[key] = Handle(backend_job_id=submission.job_id, backend_run_id=f"run-{len(self.submissions)}")
        return self.known[key]

    def find(self, job_id: str, attempt: int) -> Handle | None:
        """The handle of an attempt that was submitted."""
        return self.known.get((job_id, attempt))

    def status(self, job_id: str, attempt: int) -> RunState:
        """`state`, raised where it is an error."""
        if isinstance(self.state, Exception):
            raise self.state
        return self.state

    def metrics(self, job_id: str, attempt: int, offset: int) -> tuple[list[MetricPoint], int]:
        """The points from `offset` on, and the offset after them."""
        return self.points[offset:], len(self.points)

    def cancel(self, job_id: str, attempt: int) -> None:
        """Take note of it in `cancelled`; the state is the test's to change."""
        self.cancelled.append(job_id)

    def recover(self, job_id: str, attempt: int) -> bool:
        """Take note of it in `recovered`, and claim success."""
        self.recovered.append(job_id)
        return True

    def result(self, job_id: str, attempt: int) -> TrainingResult:
        """`outcome`, raised where it is an error; raises `NotFound` where none was set."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is None:
            raise NotFound(f"no result of {job_id}")
        return self.outcome

    def answers(self, job_id: str, attempt: int) -> Sequence[AnsweredQuestion]:
        """None: it evaluates nothing."""
        return ()


def a_result(model_dir: Path, **values: Any) -> TrainingResult:
    """The result of a short run that left one file in `model_dir`."""
    return TrainingResult(
        **{
            "model_dir": model_dir,
            "model_files": {"model.safetensors": "0" * 64},
            "steps": 4,
            "planned_steps": 4,
            "epochs_completed": 1.0,
            "tokens": 4000,
            "duration_seconds": 2.5,
            "train_loss_first": 6.0,
            "train_loss": 3.0,
            "val_loss": 3.5,
            "train_accuracy": 0.5,
            "val_accuracy": 0.4,
            "custom_metrics": {"exact_match_after": 0.9},
            **values,
        }
    )


def a_recipe(**values: Any) -> TrainingRecipe:
    """What a training was made with."""
    return TrainingRecipe(
        **{
            "chat_template_sha256": "c" * 64,
            "chat_template_source": "its own chat template",
            "tokenizer_sha256": "d" * 64,
            "libraries": {"python": "3.11.9", "torch": "2.9.1"},
            "device": "cpu",
            "first_day": "2026-11-23",
            "configuration": {"epochs": 3, "learning_rate": 0.001},
            **values,
        }
    )


def point(name: str, step: int, value: float) -> MetricPoint:
    """A metric point at a plausible time."""
    return MetricPoint(name=name, step=step, value=value, epoch=step / 4, tokens=step * 1000, time=1_790_000_000 + step)
