"""Evaluations on Databricks in a test: an installation, a version that was trained there, and what is left of text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from training_pipeline.app.container import Services, assemble
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.testing.databricks.backend import STAND_IN_WORKER, backend_of
from training_pipeline.testing.databricks.drive import drive
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.models.evaluated import make_suite
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet

#: A piece of every question of the suite, and of no id in it.
TEXT: Final = b"when parcel"


@contextmanager
def evaluating_services(
    settings: Settings,
    database: Database,
    workspace: Workspace,
    *,
    program: Path | None = STAND_IN_WORKER,
    suite: bool = True,
    **connection: Any,
) -> Iterator[Services]:
    """Real services whose jobs run in the workspace, with the sheet `small` and a suite that no model has seen.

    Without `suite`, sheet and suite are there already.
    """
    ensure_state_directory(settings)
    backend = backend_of(workspace, program=program, scores=settings.runs, **connection)
    services = assemble(settings, database, backend=backend)
    try:
        if suite:
            write_sheet(settings.sheets, "small", rows(12))
            make_suite(services, 12)
        yield services
    finally:
        services.store.engine.dispose()


def trained(services: Services, name: str = "triage", *, register: bool = True, **config: Any) -> TrainingJob:
    """A job of the built-in model that the workspace has trained, and registered unless said otherwise."""
    asked = {
        "training_sheet_id": "small",
        "model_name": name,
        "base_model": "builtin:tiny",
        "training_config": {"epochs": 1, "accelerator": "GPU_1xA10", "accelerator_count": 1, **config},
        "register_to_uc": register,
    }
    job = services.jobs.create(asked, created_by="ada")
    ended = drive(services, job.id)
    assert ended.status is JobStatus.SUCCEEDED, ended.error_message
    return ended


def texts_in(folder: Path) -> list[Path]:
    """The files below the folder in which a question of the suite is."""
    return [path for path in folder.rglob("*") if path.is_file() and TEXT in path.read_bytes()]
