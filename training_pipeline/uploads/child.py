"""The process that reads one upload, and says what it would become or makes a training sheet of it; see `process`."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from training_pipeline.domain.errors import Conflict, PipelineError
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.infra.file_lock import hold_directory
from training_pipeline.sheets.importing.request import ImportRequest
from training_pipeline.uploads.found import UploadPreview
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.process import Failure, answer_of, died, error_of
from training_pipeline.uploads.staging import no_upload

_PROGRAM: Final = "training_pipeline.uploads.read"


class Task(BaseModel):
    """What the process is to do: look at an upload, or make a training sheet of it in `sheets`."""

    model_config = ConfigDict(frozen=True)

    do: Literal["look", "create"]
    request: ImportRequest
    limits: UploadLimits
    policy: GatePolicy
    sheets: Path
    replace: bool = False
    #: Where what is compiled to judge pairs is kept, if anywhere; see `kept_plans`.
    plans: Path | None = None


class Outcome(BaseModel):
    """What the process came to."""

    model_config = ConfigDict(frozen=True)

    found: UploadPreview | None = None
    failure: Failure | None = None


def carry_out(task: Task) -> UploadPreview | None:
    """Have a process of its own do the task: what it found, or null for a training sheet that was made.

    Raises what the importer raises, with fields of a request instead of options; `UploadNotRead` where the process
    died, took too long or had too little memory; and `NotFound` where the upload was deleted, before or meanwhile. Then
    nothing is left of it.
    """
    folder = task.request.file.parent
    try:
        with hold_directory(folder):  # one at a time reads an upload
            answer = answer_of(_PROGRAM, task, folder, limits=task.limits)
        return _outcome(answer, task)
    except PipelineError:
        if not folder.is_dir():
            raise no_upload(folder.name) from None
        raise


def _outcome(answer: bytes, task: Task) -> UploadPreview | None:
    try:
        outcome = Outcome.model_validate_json(answer)
    except ValidationError:
        raise died(0, task.limits) from None
    if outcome.failure is None:
        return outcome.found
    if outcome.failure.kind == Conflict.__name__:  # its words name paths of this machine
        hint = "Choose another id, or replace it."
        raise Conflict(f"There is a training sheet '{task.request.id}' already.", hint=hint)
    raise error_of(outcome.failure, task.limits)
