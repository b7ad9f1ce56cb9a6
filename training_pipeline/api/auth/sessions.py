"""Sessions of pages: a browser exchanges a token for a cookie, which is valid for pages and their websocket only.

The cookie is signed and names the token; it holds nothing else. Each check asks the database whether that token is
still valid, so a session ends with its token. The API ignores cookies: see `bearer`.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Final

from fastapi import Depends, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection

from training_pipeline.api.auth.bearer import Authenticate, as_local_user
from training_pipeline.api.auth.session_key import session_key
from training_pipeline.app.container import Services
from training_pipeline.domain.access import Caller
from training_pipeline.domain.errors import Unauthenticated
from training_pipeline.settings import Settings

COOKIE: Final = "training_pipeline_session"
#: A session ends this long after its token was exchanged, or with its token.
SECONDS: Final = 12 * 60 * 60


class NoSession(Unauthenticated):
    """A page was requested without a session, or with one that has ended."""

    code = "no_session"


class Sessions:
    """Creates and reads the cookie. The key is read, and created if there is none, when first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def begin(self, connection: HTTPConnection, response: Response, caller: Caller) -> None:
        """Set the cookie of a session that stands for the token of `caller`."""
        public = self._settings.api_public_url or ""
        response.set_cookie(
            COOKIE,
            self._signer.dumps(caller.token_id),
            max_age=SECONDS,
            httponly=True,
            samesite="strict",
            secure=connection.url.scheme == "https" or public.startswith("https:"),
        )

    def end(self, response: Response) -> None:
        """Delete the cookie from the browser."""
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")

    def caller(self, connection: HTTPConnection) -> Caller:
        """The caller whose session it is, with the role the token has now. Raises `Unauthenticated`."""
        try:
            token_id = self._signer.loads(connection.cookies.get(COOKIE, ""), max_age=SECONDS)
        except BadSignature:  # also where it is too old
            raise NoSession("Login required.", hint="Log in with a token.") from None
        services: Services = connection.app.state.services
        return services.tokens.bearer_of(token_id)

    @cached_property
    def _signer(self) -> URLSafeTimedSerializer:
        key = session_key(self._settings.state_dir)
        return URLSafeTimedSerializer(key, "page session", signer_kwargs={"digest_method": hashlib.sha256})


def page_authentication(settings: Settings, sessions: Sessions) -> Authenticate:
    """The authentication of pages that the settings ask for. With `none` every caller is the local user, an admin."""
    return sessions.caller if settings.auth == "token" else as_local_user(settings)


def page_caller(connection: HTTPConnection) -> Caller:
    """The caller of the page. Raises `Unauthenticated`; pages then redirect to the login."""
    found: Caller = connection.app.state.authenticate_page(connection)
    connection.state.actor = found.name
    return found


#: For the functions of pages, as `Operator` and the like are for those of the API.
PageCaller = Annotated[Caller, Depends(page_caller)]
