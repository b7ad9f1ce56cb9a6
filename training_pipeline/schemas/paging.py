"""Paging: by page number, or by the opaque cursor that the previous page returned."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from training_pipeline.domain import job_id, study
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


class StudyPosition(Position):
    """Before this study, in the order of the list."""

    created_at: AwareDatetime
    name: str = Field(pattern=study.NAME)


class PairPosition(Position):
    """At this row of the manifest of a dataset, among the pairs of one part."""

    dataset: str = Field(max_length=64)
    part: str = Field(max_length=16)
    row: int = Field(ge=0, lt=2**63)


class SheetRowPosition(Position):
    """After the pair with this number in a version of a training sheet."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    number: int = Field(ge=0, lt=2**63)


class SheetDiffPosition(Position):
    """After so many pairs, among those that changed in these ways between two versions of training sheets."""

    old: str = Field(pattern=r"^[0-9a-f]{64}$")
    new: str = Field(pattern=r"^[0-9a-f]{64}$")
    changes: tuple[str, ...] = Field(max_length=16)
    number: int = Field(ge=0, lt=2**63)


class DiffPosition(Position):
    """After this pair, among those that changed in these ways between two datasets."""

    first: str = Field(max_length=64)
    second: str = Field(max_length=64)
    changes: tuple[str, ...] = Field(max_length=8)
    pair_id: str = Field(max_length=1024)


P = TypeVar("P", bound=Position)
T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Window(Generic[P]):
    """The rows of one page of a list: those after the position behind its cursor, else those of its number."""

    number: int
    size: int
    #: Where the page before it ended; None where the page is asked for by number.
    start: P | None

    @classmethod
    def of(cls, kind: type[P], *, page: int | None, page_size: int, cursor: str | None) -> Self:
        """The window that is asked for, the first where nothing is.

        Raises `InvalidParameter` where both a page and a cursor are given, and for a cursor that leads nowhere.
        """
        if page is not None and cursor is not None:
            raise invalid("page", "page_and_cursor", "must not be given together with cursor")
        return cls(page or 1, page_size, None if cursor is None else decode(kind, cursor))

    @property
    def limit(self) -> int:
        """How many rows to read: one more than is shown, which says whether there is a further page."""
        return self.size + 1

    @property
    def offset(self) -> int:
        """How many rows come before those of the page, from the position on."""
        return 0 if self.start else (self.number - 1) * self.size

    @property
    def page(self) -> int | None:
        """The page's number, null where a cursor led to it."""
        return None if self.start else self.number

    def shown(self, found: Sequence[T]) -> Sequence[T]:
        """The rows of the page, of those that were read."""
        return found[: self.size]

    def next_cursor(self, found: Sequence[T], position: Callable[[T], P]) -> str | None:
        """The cursor to what comes after the rows that are shown; null where nothing does."""
        return encode(position(found[self.size - 1])) if len(found) > self.size else None


def invalid(name: str, code: str, message: str) -> InvalidParameter:
    """The error for one parameter; `message` says what was expected."""
    problem = FieldProblem(pointer=f"/{name}", code=code, message=message)
    return InvalidParameter("The request is invalid.", problems=[problem])
