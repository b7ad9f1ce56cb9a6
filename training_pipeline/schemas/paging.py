"""Paging: by page number, or by the opaque cursor that the previous page returned."""

from __future__ import annotations

import base64
import binascii
from typing import Final, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from training_pipeline.domain import job_id
from training_pipeline.domain.errors import FieldProblem, InvalidRequest

MOST_ROWS: Final = 200


class InvalidParameter(InvalidRequest):
    """A parameter that says which rows to give cannot be accepted."""


class Position(BaseModel):
    """A position in a list, encoded in a cursor."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JobPosition(Position):
    """After this job, in the order of the list."""

    created_at: AwareDatetime
    id: str = Field(pattern=job_id.PATTERN)


class EventPosition(Position):
    """Before this event."""

    id: int = Field(ge=0, lt=2**63)


class NumberPosition(Position):
    """Before what has this number."""

    number: int = Field(ge=0, lt=2**63)


class PairPosition(Position):
    """At this row of the manifest of a dataset, among the pairs of one part."""

    dataset: str = Field(max_length=64)
    part: str = Field(max_length=16)
    row: int = Field(ge=0, lt=2**63)


class SheetRowPosition(Position):
    """After the pair with this number in a version of a training sheet."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    number: int = Field(ge=0, lt=2**63)


class DiffPosition(Position):
    """After this pair, among those that changed in these ways between two datasets."""

    first: str = Field(max_length=64)
    second: str = Field(max_length=64)
    changes: tuple[str, ...] = Field(max_length=8)
    pair_id: str = Field(max_length=1024)


P = TypeVar("P", bound=Position)


def encode(position: Position) -> str:
    """The cursor that leads to a position, and says nothing to who reads it."""
    return base64.urlsafe_b64encode(position.model_dump_json().encode()).decode().rstrip("=")


def decode(kind: type[P], cursor: str) -> P:
    """The position behind a cursor. Raises `InvalidParameter` for what is no cursor of this list."""
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return kind.model_validate_json(content)
    except (binascii.Error, ValueError, ValidationError):
        raise invalid("cursor", "bad_cursor", "must be the next_cursor of a page of this very list") from None


def page_number(page: int | None, cursor: str | None) -> int:
    """The page's number, 1 where none is given. Raises `InvalidParameter` where both are."""
    if page is not None and cursor is not None:
        raise invalid("page", "page_and_cursor", "must not be given together with cursor")
    return page or 1


def invalid(name: str, code: str, message: str) -> InvalidParameter:
    """The error for one parameter; `message` says what was expected."""
    problem = FieldProblem(pointer=f"/{name}", code=code, message=message)
    return InvalidParameter("The request is invalid.", problems=[problem])
