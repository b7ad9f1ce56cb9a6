"""The least role that each verb of a client requires: declared on the verb, and checked at every call."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from training_pipeline.domain.access import Caller, Role, require_role


class OfCaller(Protocol):
    """Works for one caller."""

    caller: Caller


C = TypeVar("C", bound=OfCaller)
P = ParamSpec("P")
R = TypeVar("R")


def needs(role: Role) -> Callable[[Callable[Concatenate[C, P], R]], Callable[Concatenate[C, P], R]]:
    """Decorates a method that only callers with this role, or one above it, may call; it raises `Forbidden` first."""

    def decorate(verb: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
        @wraps(verb)
        def checked(self: C, /, *arguments: P.args, **named: P.kwargs) -> R:
            require_role(self.caller, role)
            return verb(self, *arguments, **named)

        checked.least_role = role  # type: ignore[attr-defined]
        return checked

    return decorate


def least_role(verb: Callable[..., Any]) -> Role:
    """The role that `needs` has written on a verb; raises `AttributeError` for a method without one."""
    role: Role = verb.least_role  # type: ignore[attr-defined]
    return role
