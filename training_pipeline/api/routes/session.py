"""Login and logout of the pages: exchanges a token for a session. Not part of the API, which has no sessions."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from training_pipeline.api.auth.sessions import Sessions, page_caller
from training_pipeline.api.deps import CurrentCaller
from training_pipeline.api.middleware.access import SESSION
from training_pipeline.app.container import Services
from training_pipeline.auth.tokens import ApiTokens

router = APIRouter(include_in_schema=False)


@router.post(SESSION, status_code=204)
def begin_session(request: Request, response: Response, caller: CurrentCaller) -> None:
    """Exchange the token in the Authorization header for a session cookie. Without authentication, do nothing."""
    sessions: Sessions = request.app.state.sessions
    sessions.begin(_tokens(request), request, response, caller)


@router.get(SESSION, status_code=204, dependencies=[Depends(page_caller)])
def look_at_session() -> None:
    """Check the session: 204 if pages may be shown, 401 if the caller must log in."""


@router.delete(SESSION, status_code=204)
def end_session(request: Request, response: Response) -> None:
    """End the session, and delete its cookie."""
    sessions: Sessions = request.app.state.sessions
    sessions.end(_tokens(request), request, response)


def _tokens(request: Request) -> ApiTokens:
    services: Services = request.app.state.services
    return services.tokens
