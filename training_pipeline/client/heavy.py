"""Verbs that read much, such as every pair of a sheet or every file of a model: declared on the verb."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from training_pipeline.client.services import OnServices

C = TypeVar("C", bound="OnServices")
P = ParamSpec("P")
R = TypeVar("R")


def heavy(verb: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """Decorates a method that is called when its caller has a turn; raises `TooManyReads` where none comes in time."""

    @wraps(verb)
    def in_turn(self: C, /, *arguments: P.args, **named: P.kwargs) -> R:
        with self._services.heavy_reads.of(self.caller.name, waits=True):
            return verb(self, *arguments, **named)

    return in_turn
