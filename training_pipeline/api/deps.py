"""What routes are given: the services, and who is asking. Every route gets the actor of what it does from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request

from training_pipeline.domain.errors import Forbidden
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.services import Services


class Role(StrEnum):
    """What a caller may do, from the least to the most."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_RANKS: Final = tuple(Role)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking; the name is the actor of whatever comes of it."""

    name: str
    role: Role

    def may_act_as(self, role: Role) -> bool:
        """Whether the caller's role is `role` or above it."""
        return _RANKS.index(self.role) >= _RANKS.index(role)


#: Tells who sent a request; raises an error of the domain for one that is from nobody it knows.
Authenticate = Callable[[Request], Caller]


def authentication(settings: Settings) -> Authenticate:
    """How requests are authenticated under these settings. With `none` everybody is the local user, an admin."""
    local = Caller(settings.local_user, Role.ADMIN)
    return lambda _: local


def services(request: Request) -> Services:
    """The parts of the installation that the app serves."""
    found: Services = request.app.state.services
    return found


def caller(request: Request) -> Caller:
    """Who is asking. The request's line in the log names them."""
    found: Caller = request.app.state.authenticate(request)
    request.state.actor = found.name
    return found


def at_least(role: Role) -> Any:
    """A dependency that gives the caller, and raises `Forbidden` where the role is below `role`."""

    def allowed(asking: Annotated[Caller, Depends(caller)]) -> Caller:
        if not asking.may_act_as(role):
            raise Forbidden(f"This needs the role {role}; {asking.name} has {asking.role}.")
        return asking

    return Depends(allowed)


Parts = Annotated[Services, Depends(services)]

#: Every route under /api states the least role that it takes: as a dependency where it does not matter who asks, else
#: as the parameter that says who does.
VIEWER: Final = at_least(Role.VIEWER)
Operator = Annotated[Caller, at_least(Role.OPERATOR)]
Admin = Annotated[Caller, at_least(Role.ADMIN)]


JobId = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Id of the training job.", examples=["tj-20261123-072145-9f3a2c"]
    ),
]
SheetId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_.-]{1,128}$", description="Id of the training sheet.", examples=["sheet-123"]),
]
