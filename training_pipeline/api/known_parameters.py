"""Refuses query parameters that a route does not have: a filter that is misspelt would list everything."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.schemas.paging import InvalidParameter

#: So many are told of at most.
_MOST: Final = 20


async def only_known_parameters(request: Request) -> None:
    """Raise `InvalidParameter` that names each parameter the route does not have, and the nearest one that it has."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = list(_parameters(route.dependant))
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if unknown:
        problems = [FieldProblem(f"/{name}", "unknown_parameter", _expected(name, known)) for name in unknown[:_MOST]]
        raise InvalidParameter("The request is invalid.", problems=problems)


def _parameters(dependant: Dependant) -> Iterator[str]:
    """The query parameters of a route and of all that it depends on."""
    yield from (field.alias for field in dependant.query_params)
    for each in dependant.dependencies:
        yield from _parameters(each)


def _expected(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"is not known: did you mean {near[0]}?"
    return f"is not known: expected one of {', '.join(sorted(known))}" if known else "is not known: there are none here"
