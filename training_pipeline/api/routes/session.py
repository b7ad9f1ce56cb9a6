"""Logging in to pages, and out: a token is exchanged for a session. No part of the API, which knows no sessions."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from training_pipeline.api.auth.sessions import Sessions, page_caller
from training_pipeline.api.deps import CurrentCaller
from training_pipeline.api.middleware.access import SESSION

router = APIRouter(include_in_schema=False)


@router.post(SESSION, status_code=204)
def begin_session(request: Request, response: Response, caller: CurrentCaller) -> None:
    """Exchange the token in the header Authorization for the cookie of a session. Where none is needed, do nothing."""
    sessions: Sessions = request.app.state.sessions
    if caller.token_id is not None:
        sessions.begin(request, response, caller)


@router.get(SESSION, status_code=204, dependencies=[Depends(page_caller)])
def look_at_session() -> None:
    """Say whether pages are shown to who asks: 204, or 401 where they must log in."""


@router.delete(SESSION, status_code=204)
def end_session(request: Request, response: Response) -> None:
    """Make the browser forget its session."""
    sessions: Sessions = request.app.state.sessions
    sessions.end(response)
