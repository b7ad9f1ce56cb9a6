"""The files of a model version: where they are, their sizes, and code that loads the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from training_pipeline.domain.errors import BackendFailed, NotFound, PipelineError
from training_pipeline.infra.files import unlike

if TYPE_CHECKING:
    from training_pipeline.backends.base import FineTuningBackend
    from training_pipeline.domain.job import TrainingJob

_HERE: Final = """\
from transformers import pipeline

chat = pipeline("text-generation", model={location})
answer = chat([{{"role": "user", "content": "Your question"}}], max_new_tokens=256)
print(answer[0]["generated_text"][-1]["content"])
"""
_UNITY_CATALOG: Final = """\
import mlflow
import pandas as pd

mlflow.set_registry_uri("databricks-uc")
model = mlflow.pyfunc.load_model({location})
print(model.predict(pd.DataFrame({{"messages": [[{{"role": "user", "content": "Your question"}}]]}})))
"""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file by its path in the model's folder. The size is null where the file is not to be read from here."""

    path: str
    sha256: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is: a folder of this machine, or else what it is called where it is kept."""

    folder: Path | None
    location: str | None
    #: Why it cannot be read from here; empty where it can.
    unreadable: str = ""
    #: Whether it should be here and is not, or not all of it.
    lost: bool = False


def place(backend: FineTuningBackend, job: TrainingJob, name: str, version: str) -> Place:
    """Where the version of a job is. Reads what a run left on this machine, and asks nobody else. Never raises."""
    if job.backend == "databricks":
        location = f"models:/{name}/{version}"
        return Place(None, location, f"{location} is kept in Unity Catalog, which is not read from here.")
    if job.backend != backend.name:
        return Place(None, None, f"It was trained by the backend {job.backend}, which is not the one in use.")
    try:
        folder = backend.result(job.id, job.attempt).model_dir
    except NotFound:
        return Place(None, None, f"The run of training job {job.id} is not on this machine.")
    except BackendFailed as error:
        return Place(None, None, error.message, lost=True)
    except PipelineError as error:
        return Place(None, None, error.message)
    if folder is None or not folder.is_dir():
        return Place(None, None, f"The folder of its model ({folder}) is gone.", lost=True)
    return Place(folder, str(folder))


def files(hashes: Mapping[str, str], where: Place) -> tuple[ModelFile, ...]:
    """The files on record, by path. Looks at their sizes only."""
    found = []
    for path, digest in sorted(hashes.items()):
        file = where.folder / path if where.folder is not None else None
        found.append(ModelFile(path, digest, file.stat().st_size if file is not None and file.is_file() else None))
    return tuple(found)


def snippet(where: Place) -> str | None:
    """Python that loads the model and asks it a question; None where its location is unknown."""
    if where.folder is not None:
        return _HERE.format(location=json.dumps(where.location))
    if where.location and where.location.startswith("models:/"):
        return _UNITY_CATALOG.format(location=json.dumps(where.location))
    return None


def problems(hashes: Mapping[str, str], folder: Path) -> list[str]:
    """Files that are missing, that are not what their hash says, or that nobody recorded. Reads every byte."""
    found = [
        f"{path} is not what was registered" if there else f"{path} is missing"
        for path, there in unlike(folder, hashes)
    ]
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}
    return [*found, *(f"{path} is not on record" for path in sorted(there - hashes.keys()))]
