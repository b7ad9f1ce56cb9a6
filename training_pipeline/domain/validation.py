"""What Pydantic finds wrong with a request, as problems of fields that a person can mend."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from training_pipeline.domain.errors import FieldProblem

#: So many problems are told one by one.
MOST_TOLD: Final = 100


def as_number(text: str) -> int | float | str:
    """The number that `text` holds; other text as it is, for validation says what it should have been."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def told(problems: Iterable[FieldProblem], total: int) -> tuple[FieldProblem, ...]:
    """The first `MOST_TOLD` of `total` problems, and how many more there are. Takes no more of them than that."""
    first = tuple(islice(problems, MOST_TOLD))
    if total <= MOST_TOLD:
        return first
    more = f"there are {total - MOST_TOLD:,} more problems, which are not listed"
    return (*first, FieldProblem("", "more_problems", more))


def problems_from_validation(errors: list[Any]) -> tuple[FieldProblem, ...]:
    """Pydantic's `errors()` as field problems, as many as are `told`; input values are named only where they are short.

    Fields are named by JSON pointers (RFC 6901): "" is the whole, and a slash in a name is `~1`.
    """
    return told(map(_problem, errors), len(errors))


def _problem(error: Any) -> FieldProblem:
    path = [str(part) for part in error["loc"] if part not in {"int", "float", "literal['auto']", "literal"}]
    path = [part for part in path if not part.startswith(("constrained-", "literal["))]
    value = error.get("input")
    shown = f" (got {value!r})" if isinstance(value, str | int | float) and len(str(value)) <= 60 else ""
    message = error["msg"][0].lower() + error["msg"][1:] + shown
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    return FieldProblem(pointer=pointer, code=error["type"], message=message)
