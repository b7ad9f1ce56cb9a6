"""The parts of one installation, put together once by each entry point and passed down."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pydantic import SecretStr

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.local import PROGRAM, LocalBackend
from training_pipeline.database import Database, open_database
from training_pipeline.domain.gates import GatePolicy
from training_pipeline.settings import Settings
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.sheets.files import SAMPLES, FileTrainingSheets
from training_pipeline.tracking import Tracking
from training_pipeline.training_jobs.api_tokens import ApiTokens
from training_pipeline.training_jobs.failures import Failures
from training_pipeline.training_jobs.finish import Finisher
from training_pipeline.training_jobs.launch import Launcher
from training_pipeline.training_jobs.poller import Poller
from training_pipeline.training_jobs.service import JobService
from training_pipeline.training_jobs.store import JobStore


@dataclass(frozen=True)
class Services:
    """Everything that works on training jobs."""

    settings: Settings
    database: Database
    policy: GatePolicy
    source: TrainingSheetSource
    backend: FineTuningBackend
    tracking: Tracking
    store: JobStore
    tokens: ApiTokens
    jobs: JobService
    poller: Poller
    launcher: Launcher
    finisher: Finisher
    failures: Failures


def sheet_source(settings: Settings) -> FileTrainingSheets:
    """The user's training sheets, then the bundled sample."""
    return FileTrainingSheets(
        [settings.sheets, SAMPLES],
        memory_limit=settings.duckdb_memory_limit,
        threads=settings.duckdb_threads,
        temp_directory=settings.state_dir / "tmp",
    )


def local_backend(settings: Settings) -> LocalBackend:
    """Fine-tuning on this machine."""
    return LocalBackend(
        settings.runs,
        slots=settings.local_slots,
        resumes=settings.local_resumes,
        cancel_grace_seconds=settings.cancel_grace_seconds,
        program=shlex.split(settings.local_trainer) if settings.local_trainer else PROGRAM,
        models_dir=settings.models,
    )


def assemble(
    settings: Settings,
    database: Database,
    *,
    backend: FineTuningBackend | None = None,
    source: TrainingSheetSource | None = None,
) -> Services:
    """Put the parts together; `backend` and `source` stand in for the configured ones in tests. Connects to nothing."""
    source = source or sheet_source(settings)
    backend = backend or local_backend(settings)
    policy = GatePolicy(instruction_prompt_items=settings.instruction_prompt_items)
    tracking = Tracking(
        settings.mlflow_tracking_uri or SecretStr(database.url("mlflow")),
        experiment=settings.mlflow_experiment,
        artifacts=settings.state_dir / "mlflow-artifacts",
    )
    store = JobStore(database.engine())
    poller = Poller(store, backend, tracking, threads=settings.poll_threads)
    return Services(
        settings=settings,
        database=database,
        policy=policy,
        source=source,
        backend=backend,
        tracking=tracking,
        store=store,
        tokens=ApiTokens(store),
        jobs=JobService(store, source, backend, poller, policy, database=database, min_pairs=settings.min_pairs),
        poller=poller,
        launcher=Launcher(
            store,
            source,
            backend,
            tracking,
            policy,
            snapshots=settings.snapshots,
            datasets=settings.datasets,
            min_pairs=settings.min_pairs,
        ),
        finisher=Finisher(store, backend, tracking),
        failures=Failures(store, backend, max_attempts=settings.max_attempts),
    )


def open_services(settings: Settings) -> Services:
    """The parts on the configured database, which is started where it is ours. Raises `Unavailable`."""
    return assemble(settings, open_database(settings))
