"""A request of the wrong form, as every face refuses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.search import SearchSpace
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.domain.validation import problems_from_validation

#: Parts of bodies with so many keys that whoever mistypes one is told them.
_KEYS: Final[Mapping[str, type[BaseModel]]] = {"space": SearchSpace, "training_config": TrainingConfig}


def invalid_request(found: Sequence[Any]) -> InvalidRequest:
    """The error behind Pydantic's `errors()` about a request, with everything that is wrong with it."""
    unknown = {str(each["loc"][-2]) for each in found if each["type"] == "extra_forbidden" and len(each["loc"]) > 1}
    hints = [f"Known keys of {part}: {', '.join(_KEYS[part].model_fields)}." for part in sorted(unknown & _KEYS.keys())]
    return InvalidRequest(
        "The request is invalid.", problems=problems_from_validation(list(found)), hint=" ".join(hints)
    )
