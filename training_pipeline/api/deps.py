"""Dependencies of routes: the services, the caller, and the client that acts for the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from training_pipeline.api.events.live import Live
from training_pipeline.app.container import Services
from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.domain.access import Caller, require_role
from training_pipeline.domain.errors import Unauthenticated


async def services(request: Request) -> Services:  # async, like all of these: it takes no thread
    """The services of the installation that the app serves."""
    found: Services = request.app.state.services
    return found


async def live(request: Request) -> Live:
    """The live updates of jobs."""
    found: Live = request.app.state.live
    return found


async def caller(request: Request) -> Caller:
    """The caller that the access middleware has found; raises `Unauthenticated` if there is none."""
    found: Caller | None = getattr(request.state, "caller", None)
    if found is None:
        raise Unauthenticated("Authentication required.")
    return found


CurrentServices = Annotated[Services, Depends(services)]
CurrentCaller = Annotated[Caller, Depends(caller)]
LiveJobs = Annotated[Live, Depends(live)]


def client_for(verb: Callable[..., Any]) -> Any:
    """A dependency that gives the caller's client; raises `Forbidden` where the caller's role may not use `verb`.

    The client checks that itself. Asked here, it comes before what is sent is looked at.
    """

    async def client(parts: CurrentServices, asking: CurrentCaller) -> LocalClient:
        require_role(asking, least_role(verb))
        return LocalClient(parts, asking)

    return Depends(client)
