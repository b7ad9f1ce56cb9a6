"""Logging in to pages, and out: a token is exchanged for a session. No part of the API, which knows no sessions."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from training_pipeline.api.access import SESSION
from training_pipeline.api.deps import Viewer
from training_pipeline.api.sessions import Sessions

router = APIRouter(include_in_schema=False)


@router.post(SESSION, status_code=204)
def begin_session(request: Request, response: Response, caller: Viewer) -> None:
    """Exchange the token in the header Authorization for the cookie of a session. Where none is needed, do nothing."""
    sessions: Sessions = request.app.state.sessions
    if caller.token_id is not None:
        sessions.begin(request, response, caller)


@router.delete(SESSION, status_code=204)
def end_session(request: Request, response: Response) -> None:
    """Make the browser forget its session."""
    sessions: Sessions = request.app.state.sessions
    sessions.end(response)
