"""What routes are given: the services, and who is asking. Every route gets the actor of what it does from here."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request

from training_pipeline.api.events.live import Live
from training_pipeline.app.container import Services
from training_pipeline.domain import job_id
from training_pipeline.domain.access import Caller, Role, require_role
from training_pipeline.domain.errors import Unauthenticated
from training_pipeline.training_jobs.lifecycle.authorized import CallersJobs
from training_pipeline.training_jobs.urls import Addresses


def services(request: Request) -> Services:
    """The parts of the installation that the app serves."""
    found: Services = request.app.state.services
    return found


def live(request: Request) -> Live:
    """What tells of jobs as they change."""
    found: Live = request.app.state.live
    return found


def caller(request: Request) -> Caller:
    """Who is asking, as it was found at the door; raises `Unauthenticated` for what did not come through it."""
    found: Caller | None = getattr(request.state, "caller", None)
    if found is None:
        raise Unauthenticated("Nobody knows who asks.")
    return found


def at_least(role: Role) -> Any:
    """A dependency that gives the caller, and raises `Forbidden` where the role is below `role`."""

    def allowed(asking: Annotated[Caller, Depends(caller)]) -> Caller:
        require_role(asking, role)
        return asking

    return Depends(allowed)


async def places(request: Request) -> Addresses:  # async: it takes no thread
    """Where people find more about a job."""
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
    """The verbs of a training job, as far as whoever is asking may use them."""
    return CallersJobs(asking, parts.jobs)


Jobs = Annotated[CallersJobs, Depends(callers_jobs)]


JobId = Annotated[
    str,
    Path(pattern=job_id.PATTERN, description="Id of the training job.", examples=["tj-20261123-072145-9f3a2c"]),
]
SheetId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_.-]{1,128}$", description="Id of the training sheet.", examples=["sheet-123"]),
]
