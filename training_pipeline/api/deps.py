"""Dependencies of routes: the services and the caller, who is the actor of what a route does."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request

from training_pipeline.api.events.live import Live
from training_pipeline.app.container import Services
from training_pipeline.domain.access import Caller, Role, require_role
from training_pipeline.domain.errors import Unauthenticated
from training_pipeline.training_jobs.lifecycle.authorized import CallersJobs
from training_pipeline.training_jobs.urls import Addresses


def services(request: Request) -> Services:
    """The services of the installation that the app serves."""
    found: Services = request.app.state.services
    return found


def live(request: Request) -> Live:
    """The live updates of jobs."""
    found: Live = request.app.state.live
    return found


def caller(request: Request) -> Caller:
    """The caller that the access middleware has found; raises `Unauthenticated` if there is none."""
    found: Caller | None = getattr(request.state, "caller", None)
    if found is None:
        raise Unauthenticated("Authentication required.")
    return found


def at_least(role: Role) -> Any:
    """A dependency that gives the caller, and raises `Forbidden` where the role is below `role`."""

    def allowed(asking: Annotated[Caller, Depends(caller)]) -> Caller:
        require_role(asking, role)
        return asking

    return Depends(allowed)


async def places(request: Request) -> Addresses:  # async: it takes no thread
    """The URLs of pages about a job."""
    return Addresses.of(services(request).settings)


Parts = Annotated[Services, Depends(services)]
Places = Annotated[Addresses, Depends(places)]
LiveJobs = Annotated[Live, Depends(live)]

#: Every route under /api states the least role that it takes: as a dependency where it does not matter who asks, else
#: as the parameter that says who does.
VIEWER: Final = at_least(Role.VIEWER)
Viewer = Annotated[Caller, VIEWER]
Operator = Annotated[Caller, at_least(Role.OPERATOR)]
Admin = Annotated[Caller, at_least(Role.ADMIN)]


def callers_jobs(parts: Parts, asking: Annotated[Caller, Depends(caller)]) -> CallersJobs:
    """The operations on training jobs, limited to what the caller may do."""
    return CallersJobs(asking, parts.jobs)


Jobs = Annotated[CallersJobs, Depends(callers_jobs)]


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
