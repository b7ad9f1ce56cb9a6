"""An installation with a model version whose files are on this machine, without having trained it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from training_pipeline.app.container import Services
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.database import Database
from training_pipeline.infra.files import sha256
from training_pipeline.models.versions import files
from training_pipeline.models.versions.files import Place
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.training_jobs.store import lineage


def write_files(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """The folder, made with these files in it."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@contextmanager
def version_here(settings: Settings, database: Database, folder: Path) -> Iterator[Services]:
    """Version 2 of the model `triage`, registered with every file that `folder` has now."""
    with (
        patch.object(files, "place", lambda *_: Place(folder, str(folder))),
        scripted_services(settings, database, ScriptedBackend()) as parts,
    ):
        dataset = dataset_of(folder.parent / "datasets", "small", [row("p-0003", "train"), row("p-0004", "train")])
        dataset.validation_file.write_text("{}\n")
        over = JobStatus.SUCCEEDED
        job = job_with(parts.store, parts.uses, "small", dataset, version="2", model_name="triage", status=over)
        hashes = {str(file.relative_to(folder)): sha256(file) for file in folder.rglob("*") if file.is_file()}
        lineage.set_model(parts.store, job.id, version="2", files=hashes)
        yield parts
