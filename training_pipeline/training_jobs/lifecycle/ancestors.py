"""Whether a base model is a model of ours, told by its files, and which job trained it, and so on up the chain."""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.errors import GateRefused, PermissionWithdrawn
from training_pipeline.domain.lineage import BaseModelRecord, ModelOrigin
from training_pipeline.sft.config import BUILTIN_TINY
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

#: Files of weights: what a model is known by, wherever it was copied to and whatever was written beside it.
WEIGHTS: Final = (".safetensors", ".bin", ".pt", ".pth", ".gguf")


def with_ancestors(store: JobStore, base: BaseModelRecord, *, job_id: str) -> BaseModelRecord:
    """The record of the base model of `job_id` with the models of ours that it comes from. Reads only.

    They stay null where nobody can say: a folder that only the backend reads, or a model of the Hub of which no commit
    is known. Raises `GateRefused` for a model that was not registered because its pairs lost their permission.
    """
    if base.files is None:
        elsewhere = base.reference != BUILTIN_TINY and base.revision is None
        return base if elsewhere else base.model_copy(update={"ancestors": ()})
    weights = {name: digest for name, digest in base.files.items() if name.endswith(WEIGHTS)}
    record = lineage.trained_as(store, weights, besides=job_id) if weights else None
    if record is None:
        return base.model_copy(update={"ancestors": ()})
    job = store.get(record.job_id)
    if (job.error_details or {}).get("code") == PermissionWithdrawn.code:
        raise GateRefused(
            f"The base model {base.reference!r} is what training job {job.id} trained on pairs that may no longer be "
            "trained on. It may be used for nothing.",
            hint="Choose another base model.",
        )
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
