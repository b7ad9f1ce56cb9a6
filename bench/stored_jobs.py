"""Training jobs of all kinds, written to the store as if they had happened; for what is measured and shown."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, text

from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import job_from_row, row_of
from training_pipeline.training_jobs.store.tables import training_jobs

MODELS = ("triage-model", "invoice-router", "boiler-notes", "contract-clauses", "support-intent")
PEOPLE = ("ada", "grace", "katherine", "alan")
SHARES = {JobStatus.SUCCEEDED: 70, JobStatus.FAILED: 12, JobStatus.CANCELLED: 12, JobStatus.TIMEOUT: 6}


def stored(number: int, chance: random.Random, *, now: datetime, **values: Any) -> TrainingJob:
    """The job that was created `number` times seven minutes ago; `values` replace its fields."""
    created = now - timedelta(minutes=7 * number + chance.random() * 5)
    status = values.get("status") or chance.choices(list(SHARES), list(SHARES.values()))[0]
    seconds, over = chance.uniform(40, 4000), status in TERMINAL
    begun = status not in {JobStatus.PENDING, JobStatus.QUEUED}
    loss = chance.uniform(0.02, 2.0)
    config = TrainingConfig(
        epochs=3, learning_rate=2e-4, batch_size=8, method="lora", max_length=1024, precision="bf16"
    )
    return job_from_row(
        {
            "id": f"tj-{created:%Y%m%d-%H%M%S}-{chance.randrange(16**6):06x}",
            "training_sheet_id": "sheet-123",
            "training_sheet_name": "Document triage",
            "model_name": chance.choice(MODELS),
            "base_model": "builtin:tiny",
            "requested_config": {"epochs": 3},
            "training_config": config.model_dump(),
            "train_val_split": 0.8,
            "split_seed": "sheet-123",
            "created_by": chance.choice(PEOPLE),
            "status": status,
            "created_at": created,
            "updated_at": created,
            "started_at": created + timedelta(seconds=12) if begun else None,
            "completed_at": created + timedelta(seconds=12 + seconds) if over else None,
            "duration_seconds": seconds if over else None,
            "train_loss": loss if begun else None,
            "val_loss": loss * chance.uniform(1.0, 1.4) if begun else None,
            "progress_percent": 100.0 if status is JobStatus.SUCCEEDED else 0.0,
            "total_pairs": 440,
            "eligible_pairs": 310,
            "backend": "local",
            "finalized_at": created if over else None,
            **values,
        }
    )


def store_jobs(store: JobStore, count: int) -> list[str]:
    """So many jobs, all of them over; their ids, newest first."""
    chance, now = random.Random(7), datetime.now(UTC)
    jobs = [row_of(stored(number, chance, now=now)) for number in range(1, count + 1)]
    with store.begin() as connection:
        for start in range(0, count, 1000):
            connection.execute(insert(training_jobs), jobs[start : start + 1000])
        connection.execute(text("ANALYZE training_jobs"))
    return [job["id"] for job in jobs]


def store_points(store: JobStore, job_id: str, count: int) -> None:
    """So many steps of a plausible curve; validation at every hundredth of it."""
    every = max(1, count // 100)
    statement = text(
        "INSERT INTO training_job_metrics (job_id, step, train_loss, train_accuracy, val_loss, val_accuracy,"
        " learning_rate, epoch, tokens, measured_at)"
        " SELECT :job, n, 6 * exp(-6.0 * n / :count) + 0.1 * random(),"
        " 1 - exp(-4.0 * n / :count) * (0.9 + 0.1 * random()),"
        " CASE WHEN n % :every = 0 THEN 6 * exp(-5.5 * n / :count) + 0.15 END,"
        " CASE WHEN n % :every = 0 THEN 1 - exp(-3.7 * n / :count) END,"
        " 0.002 * cos(1.57 * n / :count), 3.0 * n / :count, n * 256, now() FROM generate_series(1, :count) n"
    )
    with store.begin() as connection:
        connection.execute(statement, {"job": job_id, "count": count, "every": every})
        connection.execute(text("ANALYZE training_job_metrics"))
