"""Sessions of pages: a browser exchanges a token for a cookie, which is valid for pages and their websocket only.

The cookie is signed and names the session; it holds nothing else. Each check asks the database whether there is that
session and its token is still valid, so it ends for everybody when somebody logs out, and with its token. The API
ignores cookies: see `bearer`.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Final

from fastapi import Depends, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection

from training_pipeline.api.auth.bearer import Authenticate, as_local_user, by_proxy_or
from training_pipeline.api.auth.session_key import session_key
from training_pipeline.app.container import Services
from training_pipeline.auth.page_sessions import LONGEST, NoSession, PageSessions
from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.domain.access import Caller
from training_pipeline.settings import Settings

COOKIE: Final = "training_pipeline_session"


class Sessions:
    """Creates and reads the cookie. The key is read, and created if there is none, when first needed."""

    def __init__(self, settings: Settings, *, public_url: str | None = None) -> None:
        """`public_url` is where browsers find the pages, if that is not where they are served."""
        self._settings = settings
        self._public_url = public_url or ""

    def begin(self, tokens: ApiTokens, connection: HTTPConnection, response: Response, caller: Caller) -> None:
        """Begin a session that stands for the token of `caller`, and set its cookie. Without a token, do nothing."""
        if caller.token_id is None:
            return
        response.set_cookie(
            COOKIE,
            self._signer.dumps(PageSessions(tokens.store).begin(caller.token_id)),
            max_age=int(LONGEST.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=connection.url.scheme == "https" or self._public_url.startswith("https:"),
        )

    def end(self, tokens: ApiTokens, connection: HTTPConnection, response: Response) -> None:
        """End the session, and delete the cookie from the browser."""
        with suppress(NoSession):
            PageSessions(tokens.store).end(self._session_id(connection))
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")

    def caller(self, connection: HTTPConnection) -> Caller:
        """The caller whose session it is, with the role the token has now. Raises `Unauthenticated`."""
        services: Services = connection.app.state.services
        return self.caller_by(services.tokens, connection)

    def caller_by(self, tokens: ApiTokens, connection: HTTPConnection) -> Caller:
        """The same, where the app is not the API's."""
        return PageSessions(tokens.store).caller(self._session_id(connection))

    def _session_id(self, connection: HTTPConnection) -> str:
        cookie = connection.cookies.get(COOKIE, "")
        try:
            return str(self._signer.loads(cookie, max_age=int(LONGEST.total_seconds())))
        except BadSignature:  # also where it is too old
            raise NoSession from None

    @cached_property
    def _signer(self) -> URLSafeTimedSerializer:
        key = session_key(self._settings.state_dir)
        return URLSafeTimedSerializer(key, "page session", signer_kwargs={"digest_method": hashlib.sha256})


def page_authentication(settings: Settings, sessions: Sessions) -> Authenticate:
    """The authentication of pages that the settings ask for. With `none` every caller is the local user, an admin."""
    return by_proxy_or(sessions.caller, settings) if settings.auth == "token" else as_local_user(settings)


def page_caller(connection: HTTPConnection) -> Caller:
    """The caller of the page. Raises `Unauthenticated`; pages then redirect to the login."""
    found: Caller = connection.app.state.authenticate_page(connection)
    connection.state.actor = found.name
    return found


#: For the functions of pages, as `Operator` and the like are for those of the API.
PageCaller = Annotated[Caller, Depends(page_caller)]
