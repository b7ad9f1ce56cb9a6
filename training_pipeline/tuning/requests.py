"""Requests for studies as people send them, and what is said of those that are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.study import SearchSpace, StudyRequest
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.domain.validation import problems_from_validation


def request_of(body: Mapping[str, Any]) -> StudyRequest:
    """The request that these values are; raises `InvalidRequest` with everything that is wrong with them. Pure."""
    try:
        return StudyRequest.model_validate(body)
    except ValidationError as error:
        raise refused(error) from None


def refused(error: ValidationError) -> InvalidRequest:
    """Everything that is wrong with a request, and the keys that there are. Pure."""
    found = list(error.errors())
    known: dict[str, type[BaseModel]] = {"space": SearchSpace, "job": TrainingConfig}
    unknown = {str(each["loc"][0]) for each in found if each["type"] == "extra_forbidden"} & known.keys()
    hint = " ".join(f"Known keys of {name}: {', '.join(known[name].model_fields)}." for name in sorted(unknown))
    return InvalidRequest("The study cannot be created.", problems=problems_from_validation(found), hint=hint)
