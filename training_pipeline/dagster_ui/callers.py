"""Who sends a request to Dagster's UI: a session of the pages, a bearer token, or `up` that looks at it."""

from __future__ import annotations

import secrets

from starlette.requests import HTTPConnection

from training_pipeline.api.auth.bearer import bearer_token
from training_pipeline.api.auth.sessions import Sessions
from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.domain.access import Caller, Role, local_caller
from training_pipeline.settings import Settings


class Callers:
    """Finds the caller of a request. May wait for the database, so it is not for the event loop."""

    def __init__(self, settings: Settings, tokens: ApiTokens, *, probe: str = "") -> None:
        """`probe` is the secret by which `up` may look; without one nobody may look that way."""
        self.sessions = Sessions(settings, public_url=settings.dagster_url)
        self.tokens = tokens
        self._local = local_caller(settings.local_user) if settings.auth == "none" else None
        self._probe = probe

    @property
    def open_to_all(self) -> bool:
        """Whether nobody is asked who they are."""
        return self._local is not None

    def of(self, connection: HTTPConnection) -> Caller:
        """The caller, as the database has them now. Raises `Unauthenticated`."""
        if self._local is not None:
            return self._local
        if "authorization" not in connection.headers:
            return self.sessions.caller_by(self.tokens, connection)
        text = bearer_token(connection)
        if self._probe and secrets.compare_digest(text.encode(), self._probe.encode()):
            return Caller("training-pipeline up", Role.VIEWER)
        return self.tokens.caller_of(text)
