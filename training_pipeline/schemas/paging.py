"""Which page is asked for: a page's number, or an opaque cursor that the page before has given."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, TypeVar

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from training_pipeline.domain import job_id

MOST_ROWS: Final = 200

PageNumber = Annotated[
    int | None, Query(ge=1, le=100_000, description="Number of the page, from 1; not with a cursor.", examples=[1])
]
PageRows = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most rows on a page.", examples=[50])]
Cursor = Annotated[
    str | None,
    Query(
        max_length=1000,
        description="The `next_cursor` of the page before: no row is skipped or repeated while others are added.",
        examples=["eyJpZCI6NDcxMX0"],
    ),
]


class Position(BaseModel):
    """A place in a list; what a cursor hides."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JobPosition(Position):
    """After this job, in the order of the list."""

    created_at: AwareDatetime
    id: str = Field(pattern=job_id.PATTERN)


class EventPosition(Position):
    """Before this event."""

    id: int = Field(ge=0, lt=2**63)


class PairPosition(Position):
    """At this row of the manifest of a dataset, among the pairs of one part."""

    dataset: str = Field(max_length=64)
    part: str = Field(max_length=16)
    row: int = Field(ge=0, lt=2**63)


P = TypeVar("P", bound=Position)


def encode(position: Position) -> str:
    """The cursor for a position. Pure."""
    return base64.urlsafe_b64encode(position.model_dump_json().encode()).decode().rstrip("=")


def decode(kind: type[P], cursor: str) -> P:
    """The position behind a cursor. Pure; raises a validation error for what is no cursor of this list."""
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return kind.model_validate_json(content)
    except (binascii.Error, ValueError, ValidationError):
        raise bad_query("cursor", "bad_cursor", "Must be the next_cursor of a page of this very list") from None


def page_number(page: int | None, cursor: str | None) -> int:
    """The page's number, 1 where none is given. Raises a validation error where both are."""
    if page is not None and cursor is not None:
        raise bad_query("page", "page_and_cursor", "Must not be given together with cursor")
    return page or 1


def bad_query(name: str, code: str, message: str) -> RequestValidationError:
    """A validation error for one query parameter."""
    return RequestValidationError([{"type": code, "loc": ("query", name), "msg": message, "input": None}])
