"""Whether a base model is a model of ours, told by its files, and which job trained it, and so on up the chain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from training_pipeline.domain.errors import GateRefused, NotFound, PermissionWithdrawn
from training_pipeline.domain.job_id import MADE
from training_pipeline.domain.lineage import BaseModelRecord, LineageRecord, ModelOrigin
from training_pipeline.sft.config import BUILTIN_TINY
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

#: Files of weights: what a model is known by, wherever it was copied to and whatever was written beside it.
WEIGHTS: Final = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
#: The folder of an attempt, or of a job.
_RUN_FOLDER: Final = re.compile(rf"({MADE})(?:-\d+)?")
#: What to do about a base model that is not on record.
FINISHED: Final = "Take the model of a job that has succeeded, or wait until this one has."


def with_ancestors(store: JobStore, base: BaseModelRecord, *, job_id: str) -> BaseModelRecord:
    """The record of the base model of `job_id` with the models of ours that it comes from. Reads only.

    They stay null where nobody can say: a folder that only the backend reads, or a model of the Hub of which no commit
    is known. Raises `GateRefused` for a model that was not registered because its pairs lost their permission, and for
    what lies in the run folder of a job and is not the model that is on record of it.
    """
    require_usable(store, base.reference)
    record = _trained_as(store, base, job_id)
    if record is not None:
        _require_permitted(store, base.reference, record.job_id)
    elif base.files is not None and (made_by := _made_by(store, base.reference)):
        if not made_by.model_files:
            raise GateRefused(
                f"The base model {base.reference!r} lies in the run folder of training job {made_by.job_id}, of whose "
                "model no hashes are on record. What it learned from could not be told later.",
                hint="Take the model of a job whose record has the hashes of its files, or train this one again.",
            )
        raise GateRefused(
            f"The base model {base.reference!r} is a part of training job {made_by.job_id} that is not on record: its "
            "weights are not those of the job's model. What it learned from could not be told later.",
            hint=FINISHED,
        )
    return as_known(store, base, job_id=job_id)


def require_usable(store: JobStore, base_model: str, *, runs: Path | None = None) -> None:
    """Raise `GateRefused` for what lies in the run folder of a job that has no model, or one that may not be used.

    What learned from a model that is not on record could not be told later: nothing is known of its weights. A job of
    an earlier version may have a model on record without the hashes of its files. Outside of `runs` there may be models
    of other installations. Reads only.
    """
    record = _made_by(store, base_model)
    if record is not None and (record.model_version is not None or record.model_files is not None):
        _require_permitted(store, base_model, record.job_id)
    elif record is not None:
        raise GateRefused(
            f"The base model {base_model!r} lies in the run folder of training job {record.job_id}, which has no model "
            "on record.",
            hint=FINISHED,
        )
    elif runs is not None and Path(base_model).is_absolute() and Path(base_model).resolve().is_relative_to(runs):
        raise GateRefused(
            f"The base model {base_model!r} lies among the runs of this installation, but no training job on record "
            "made it.",
            hint=FINISHED,
        )


def as_known(store: JobStore, base: BaseModelRecord, *, job_id: str) -> BaseModelRecord:
    """The same as `with_ancestors` of what is on record now; refuses nothing. Reads only."""
    if base.files is None:
        elsewhere = base.reference != BUILTIN_TINY and base.revision is None
        return base if elsewhere else base.model_copy(update={"ancestors": ()})
    record = _trained_as(store, base, job_id)
    if record is None:
        return base.model_copy(update={"ancestors": ()})
    job = store.get(record.job_id)
    before = record.base_model.ancestors if record.base_model is not None else None
    origin = ModelOrigin(
        job_id=job.id,
        model_name=job.result.uc_model_name or job.request.model_name,
        model_version=record.model_version,
        base_model=job.request.base_model,
        base_recorded=before is not None,
    )
    # A model of ours is under the licence of what it was trained from: its card names none.
    licence = base.licence or (record.base_model.licence if record.base_model is not None else None)
    return base.model_copy(update={"ancestors": (origin, *(before or ())), "licence": licence})


def _trained_as(store: JobStore, base: BaseModelRecord, job_id: str) -> LineageRecord | None:
    weights = {name: digest for name, digest in (base.files or {}).items() if name.endswith(WEIGHTS)}
    return lineage.trained_as(store, weights, besides=job_id) if weights else None


def _require_permitted(store: JobStore, base_model: str, job_id: str) -> None:
    if (store.get(job_id).error_details or {}).get("code") == PermissionWithdrawn.code:
        raise GateRefused(
            f"The base model {base_model!r} is what training job {job_id} trained on pairs that may no longer be "
            "trained on. It may be used for nothing.",
            hint="Choose another base model.",
        )


def _made_by(store: JobStore, base_model: str) -> LineageRecord | None:
    """The record of the job of ours in whose run folder a path lies; None for every other base model."""
    if not Path(base_model).is_absolute():
        return None
    for part in Path(base_model).resolve().parts:
        if found := _RUN_FOLDER.fullmatch(part):
            try:
                return lineage.read(store, found[1])
            except NotFound:
                continue
    return None
