"""The study that a body asks for, and everything that is wrong with one that asks for none."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError, ValidatorFunctionWrapHandler

from training_pipeline.domain.errors import FieldProblem, InvalidRequest, PipelineError
from training_pipeline.domain.study import StudyRequest
from training_pipeline.schemas.validation import invalid_request

#: What stands for a field that is missing or of no use, so that the others can be looked at.
_STAND_INS: Final[Mapping[tuple[Any, ...], str]] = {
    ("name",): "nobody",
    ("job", "training_sheet_id"): "nobody",
    ("job", "model_name"): "nobody",
}


def asked_study(
    body: Mapping[str, Any] | StudyRequest,
    plan: Callable[[StudyRequest], object],
    model: type[StudyRequest],
    *,
    also: Sequence[FieldProblem] = (),
) -> StudyRequest:
    """The study that a body asks for, as it reads back: what is compared with what was asked before.

    Raises `InvalidRequest` with everything that is wrong: with the form of fields, with what `also` says of fields that
    the body leaves out, and with what `plan` raises for the rest. `plan` is called for such a body alone.
    """
    found: list[Any] = []
    try:
        asked = _as_stored(body if isinstance(body, StudyRequest) else model.model_validate(body))
        if not also:
            return asked
    except ValidationError as error:
        found = [*error.errors(include_url=False)]
    wrong = [each["loc"] for each in found] + [tuple(problem.pointer.split("/")[1:]) for problem in also]
    refused = invalid_request(found)
    known = body if isinstance(body, Mapping) else body.model_dump(exclude_unset=True)
    refused.problems = (*also, *refused.problems, *_of_the_rest(_without(known, wrong), wrong, plan, model))
    raise refused


def as_it_came(body: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """A sound body validated, another one as it came: `asked_study` says everything that is wrong with it."""
    try:
        return validate(body)
    except ValidationError:
        if isinstance(body, dict):
            return body
        raise


def _as_stored(asked: StudyRequest) -> StudyRequest:
    return StudyRequest.model_validate(asked.model_dump(exclude_unset=True))


def _of_the_rest(
    rest: Mapping[str, Any],
    wrong: Sequence[tuple[Any, ...]],
    plan: Callable[[StudyRequest], object],
    model: type[StudyRequest],
) -> list[FieldProblem]:
    """What `plan` says against the fields that are of the right form."""
    try:
        plan(_as_stored(model.model_validate(rest)))
    except InvalidRequest as error:
        return [problem for problem in error.problems if not _follows(problem, wrong)]
    except (ValidationError, PipelineError):
        pass  # nothing more can be said before the form is mended
    return []


def _without(body: Mapping[str, Any], wrong: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    """The body without the fields that are wrong, and something for those that must be there."""
    left = copy.deepcopy(dict(body))
    for loc in wrong:
        _drop(left, loc[:2] if loc[0] == "space" else loc)  # half a search is none
    for (*above, name), value in _STAND_INS.items():
        part = left
        for each in above:
            part = part.setdefault(each, {})
        part.setdefault(name, value)
    return left


def _drop(part: dict[str, Any], loc: Sequence[Any]) -> None:
    """Take a field out, or the last one above it that is there: Pydantic's paths name kinds of values, too."""
    first, *rest = loc
    inner = part.get(first)
    if rest and isinstance(inner, dict) and rest[0] in inner:
        _drop(inner, rest)
    elif not rest or not isinstance(inner, dict):
        part.pop(first, None)


def _follows(problem: FieldProblem, wrong: Iterable[tuple[Any, ...]]) -> bool:
    """Whether a problem may only be there because of the fields that were left out."""
    at = problem.pointer.split("/")[1:]
    said = [list(map(str, loc)) for loc in wrong]
    fewer = problem.pointer == "/most_trials" and any(loc[0] == "space" for loc in said)
    return fewer or any(at == loc[: len(at)] or loc == at[: len(loc)] for loc in said)
