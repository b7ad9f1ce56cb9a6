"""Errors as RFC 9457 problem documents: a stable code, every field's problem at once, and nothing internal."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from training_pipeline.api.middleware.methods import allowed_methods
from training_pipeline.domain.errors import (
    BackendFailed,
    BackendUnreachable,
    Conflict,
    FieldProblem,
    Forbidden,
    GateRefused,
    GovernanceChanged,
    InvalidRequest,
    NotFound,
    NotYours,
    PipelineError,
    SheetUnreadable,
    SplitRefused,
    Unauthenticated,
    Unavailable,
)
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.training_jobs.store.request_id import request_id

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = "2"
#: What RFC 6750 has a server say to who comes without a token, and what it adds for one that is not good.
CHALLENGE: Final = 'Bearer realm="training_pipeline"'
NOT_GOOD: Final = ', error="invalid_token"'

#: The first class that an error belongs to decides.
STATUSES: Final[Sequence[tuple[type[PipelineError], int]]] = (
    (Unauthenticated, 401),
    (NotYours, 403),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (GovernanceChanged, 409),
    (InvalidRequest, 422),
    (SheetUnreadable, 422),
    (GateRefused, 422),
    (SplitRefused, 422),
    (BackendFailed, 422),
    (BackendUnreachable, 503),
    (Unavailable, 503),
)
#: Codes and sentences of what FastAPI and Starlette refuse by themselves.
_PLAIN: Final[Mapping[int, tuple[str, str]]] = {
    400: ("malformed", "The request cannot be read."),
    404: ("no_such_path", "There is nothing at this path."),
    405: ("method_not_allowed", "This path does not take this method."),
}
_log = logging.getLogger(__name__)


class ProblemField(BaseModel):
    """One thing that is wrong with one field."""

    pointer: str = Field(description="JSON pointer to the field.", examples=["/training_config/epochs"])
    location: str = Field(description="Where the field is: body, query, path or header.", examples=["body"])
    code: str = Field(description="Stable.", examples=["less_than_equal"])
    detail: str = Field(
        description="What was expected.", examples=["input should be less than or equal to 50 (got 51)"]
    )


class Problem(BaseModel):
    """An error, as RFC 9457 (problem details) has it."""

    type: str = Field(description="URN of the kind of problem.", examples=["urn:training-pipeline:problem:not_found"])
    title: str = Field(description="The kind of problem, for people.", examples=["Not Found"])
    status: int = Field(description="HTTP status.", examples=[404])
    detail: str = Field(description="What happened, for people.", examples=["There is no training job 'tj-1'."])
    instance: str = Field(description="Path of the request.", examples=["/api/v1/training/jobs/tj-1"])
    code: str = Field(description="Kind of problem; stable, for programs.", examples=["not_found"])
    hint: str = Field("", description="What to do; may be empty.", examples=["GET /api/v1/training/jobs lists them."])
    errors: list[ProblemField] = Field([], description="Every field that is wrong.")
    request_id: str | None = Field(
        description="Id of the request, as in X-Request-ID and in the service's log.", examples=["req-2f9c41d0b7a3"]
    )


def problem(
    path: str,
    status: int,
    code: str,
    detail: str,
    *,
    hint: str = "",
    errors: Sequence[ProblemField] = (),
    headers: Mapping[str, str] | None = None,
    **extensions: Any,
) -> Response:
    """A response with a problem document. Reads the request's id from the context."""
    document = Problem(
        type=f"urn:training-pipeline:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=path,
        code=code,
        hint=hint,
        errors=list(errors),
        request_id=request_id.get(),
    )
    # ASCII, because what a client sent and is named here may be no Unicode text at all.
    content = json.dumps({**document.model_dump(), **extensions})
    return Response(content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def of_pipeline_error(path: str, error: PipelineError) -> Response:
    """The problem document of what a service raised."""
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 422)
    detail, hint = error.message, error.hint
    if type(error) is Unavailable:
        # Written for whoever runs the service: it may name hosts and paths.
        _log.warning("unavailable", extra={"detail": error.message})
        detail, hint = "Something that this service depends on does not answer.", "Try again in a moment."
    headers = {}
    if status == 503 or error.code == "idempotency_key_in_use":
        headers["Retry-After"] = RETRY_SECONDS
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE + (NOT_GOOD if error.code.startswith("token_") else "")
    errors = [_field(found, "body") for found in error.problems]
    return problem(path, status, error.code, detail, hint=hint, errors=errors, headers=headers)


def of_validation(path: str, found: Sequence[Any]) -> Response:
    """The problem document of what FastAPI found wrong with a request."""
    if any(error["type"] == "json_invalid" for error in found):
        return problem(path, 400, "malformed", "The body is no JSON.")
    errors = []
    for error in found:
        location, *loc = error["loc"]
        (field,) = problems_from_validation([{**error, "loc": loc}])
        errors.append(_field(field, str(location)))
    unknown = [e for e in errors if e.code == "extra_forbidden" and e.pointer.startswith("/training_config/")]
    hint = f"Known keys of training_config: {', '.join(TrainingConfig.model_fields)}." if unknown else ""
    return problem(path, 422, "invalid_request", "The request cannot be accepted as it is.", hint=hint, errors=errors)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""

    def pipeline_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, PipelineError)  # noqa: S101 - the class that it is installed for
        return of_pipeline_error(request.url.path, error)

    def validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return of_validation(request.url.path, error.errors())

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        code, detail = _PLAIN.get(error.status_code, ("refused", "The request was refused."))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(allowed_methods(app, request.url.path)) or headers.get("allow", "")
            headers.pop("allow", None)
        return problem(request.url.path, error.status_code, code, detail, headers=headers)

    app.add_exception_handler(PipelineError, pipeline_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)


def _field(found: FieldProblem, location: str) -> ProblemField:
    return ProblemField(pointer=found.pointer, location=location, code=found.code, detail=found.message)
