"""A part of an installation, built when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, Protocol, TypeVar, cast, overload


class HasParts(Protocol):
    """What parts belong to: they use one another, so the thread that builds one may build more."""

    _building: RLock


T = TypeVar("T")


class part(Generic[T]):  # noqa: N801 - it is written where `property` would be
    """Decorates a method that builds a part: it is called once, whichever threads ask, and its result is kept.

    What only this part needs is imported within the method, so that whoever does not ask does not pay for it.
    """

    def __init__(self, build: Callable[[Any], T]) -> None:
        self._build = build
        self._name = build.__name__
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, owner: None, kind: type | None = None) -> part[T]: ...
    @overload
    def __get__(self, owner: HasParts, kind: type | None = None) -> T: ...
    def __get__(self, owner: HasParts | None, kind: type | None = None) -> part[T] | T:
        if owner is None:
            return self
        # From then on Python finds the part in the object itself, and does not come here.
        with owner._building:
            if self._name not in vars(owner):
                vars(owner)[self._name] = self._build(owner)
            return cast("T", vars(owner)[self._name])


class _Later:
    """Builds what it stands for when something of it is asked for."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def __getattr__(self, name: str) -> Any:
        return getattr(self._build(), name)


def later(build: Callable[[], T]) -> T:
    """Stands for a part that another one holds but needs for some of its verbs only: it is built with the first."""
    return cast("T", _Later(build))
