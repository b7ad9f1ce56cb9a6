"""A request like another one, from which a form or a command begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from training_pipeline.domain.training_config import JobRequest
from training_pipeline.schemas.training_job import TrainingJob

_FIELDS: Final = JobRequest.model_fields
#: A note is about one job, and a configuration is told key by key.
_STATED: Final = tuple(name for name in _FIELDS if name not in {"note", "training_config"})


def request_like(like: JobRequest | TrainingJob, config: Mapping[str, object]) -> dict[str, Any]:
    """The request for what another one asked for, with these keys of a configuration; no defaults, no nulls."""
    asked = {**{name: getattr(like, name) for name in _STATED}, "tags": list(like.tags)}
    if asked["split_seed"] == like.training_sheet_id:  # what it is derived from by default
        asked["split_seed"] = None
    stated = {
        name: value
        for name, value in asked.items()
        if value is not None and value != _FIELDS[name].get_default(call_default_factory=True)
    }
    return {**stated, "training_config": {name: value for name, value in config.items() if value is not None}}
