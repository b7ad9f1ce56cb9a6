"""Errors as RFC 9457 problem documents: a stable code, every field's problem at once, and nothing internal."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, Field

from training_pipeline.domain.errors import (
    BackendDenied,
    BackendFailed,
    BackendUnreachable,
    BaseModelChanged,
    Conflict,
    FieldProblem,
    Forbidden,
    GateRefused,
    GovernanceChanged,
    InvalidRequest,
    Lost,
    NotFound,
    NotYours,
    PermissionUnknown,
    PermissionWithdrawn,
    PipelineError,
    RecordsDisagree,
    SheetChanged,
    SheetUnreadable,
    SplitRefused,
    Tainted,
    Unauthenticated,
    Unavailable,
)
from training_pipeline.schemas.paging import InvalidParameter
from training_pipeline.training_jobs.store.request_id import request_id
from training_pipeline.uploads.process import UploadNotRead
from training_pipeline.uploads.staging import UploadTooLarge

MEDIA_TYPE: Final = "application/problem+json"
#: The first class that an error belongs to decides.
STATUSES: Final[Sequence[tuple[type[PipelineError], int]]] = (
    (Unauthenticated, 401),
    (NotYours, 403),
    (Forbidden, 403),
    (NotFound, 404),
    (Tainted, 409),
    (Conflict, 409),
    (GovernanceChanged, 409),
    (BaseModelChanged, 409),
    (PermissionWithdrawn, 409),
    (InvalidRequest, 422),
    (SheetUnreadable, 422),
    (UploadTooLarge, 413),
    (UploadNotRead, 422),
    (GateRefused, 422),
    (SplitRefused, 422),
    (BackendFailed, 422),
    (BackendDenied, 503),
    (BackendUnreachable, 503),
    (SheetChanged, 503),
    (PermissionUnknown, 503),
    (RecordsDisagree, 503),
    (Lost, 503),
    (Unavailable, 503),
)
_log = logging.getLogger(__name__)


class ProblemField(BaseModel):
    """A problem with one field."""

    pointer: str = Field(description="JSON pointer to the field.", examples=["/training_config/epochs"])
    location: str = Field(description="Where the field is: body, query, path or header.", examples=["body"])
    code: str = Field(description="Stable code of the problem.", examples=["less_than_equal"])
    detail: str = Field(
        description="What was expected.", examples=["input should be less than or equal to 50 (got 51)"]
    )

    @classmethod
    def of(cls, found: FieldProblem, location: str) -> ProblemField:
        """A problem of the domain with one field. Reads and writes nothing."""
        return cls(pointer=found.pointer, location=location, code=found.code, detail=found.message)


class Problem(BaseModel):
    """An error as RFC 9457 problem details."""

    type: str = Field(description="URN of the type of problem.", examples=["urn:training-pipeline:problem:not_found"])
    title: str = Field(description="Human-readable title of the type of problem.", examples=["Not Found"])
    status: int = Field(description="HTTP status.", examples=[404])
    detail: str = Field(
        description="Human-readable description of the error.", examples=["There is no training job 'tj-1'."]
    )
    instance: str = Field(description="Path of the request.", examples=["/api/v1/training/jobs/tj-1"])
    code: str = Field(description="Stable code of the type of problem, for programs.", examples=["not_found"])
    hint: str = Field(
        "", description="Recommended action; may be empty.", examples=["GET /api/v1/training/jobs lists them."]
    )
    errors: list[ProblemField] = Field(
        [], description="All invalid fields; of more than 100 the first, and how many more there are."
    )
    request_id: str | None = Field(
        description="Id of the request, as in X-Request-ID and in the service's log.", examples=["req-2f9c41d0b7a3"]
    )


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    path: str = "",
    hint: str = "",
    errors: Sequence[ProblemField] = (),
) -> Problem:
    """A problem document; reads the request's id from the context."""
    return Problem(
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


def problem_of(error: PipelineError, *, path: str = "") -> Problem:
    """The problem document of an error. What was written for whoever runs the service is logged instead."""
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 422)
    detail, hint = error.message, error.hint
    if type(error) is Unavailable:
        # It may name hosts and paths.
        _log.warning("unavailable", extra={"detail": error.message})
        detail, hint = "A dependency of this service is not available.", "Try again in a moment."
    location = "query" if isinstance(error, InvalidParameter) else "body"
    errors = [ProblemField.of(found, location) for found in error.problems]
    return problem(status, error.code, detail, path=path, hint=hint, errors=errors)
