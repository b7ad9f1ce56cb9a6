"""Users whom a proxy in front has authenticated, as Databricks Apps does: it names them in a header.

Any client can write such a header. It is believed only where a setting names it, only from a proxy that is trusted, and
it is taken out of the connection before anything else sees that: nothing here reads headers later on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from training_pipeline.api.header_deadline import is_one_of
from training_pipeline.auth.token_format import PREFIX as OUR_TOKEN
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.errors import Forbidden, Unauthenticated
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX

#: In the scope of a connection: what a trusted proxy said, each time that it said something.
KEY: Final = "training_pipeline.proxy_user"
_NAME: Final = re.compile(r"[^\s,;<>\"']{1,128}")


class ProxyUser:
    """ASGI middleware, the outermost one: keeps what trusted proxies say of users, and of addresses."""

    def __init__(self, app: ASGIApp, *, header: str, trusted_proxies: str) -> None:
        self._app = ProxyHeadersMiddleware(app, trusted_hosts=trusted_proxies)  # type: ignore[arg-type]
        self._header = header
        self._is_proxy = is_one_of(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the connection on."""
        if scope["type"] in {"http", "websocket"}:
            peer = (scope.get("client") or ("", 0))[0]
            said = Headers(scope=scope).getlist(self._header)
            if said and self._is_proxy(peer):
                scope = {**scope, KEY: tuple(said)}
        await self._app(scope, receive, send)  # type: ignore[arg-type]


def proxied(app: ASGIApp, settings: Settings) -> ASGIApp | None:
    """`app` behind `ProxyUser`, where the settings ask for it."""
    header, proxies = settings.proxy_user_header, settings.api_trusted_proxies
    return ProxyUser(app, header=header, trusted_proxies=proxies) if header and proxies else None


def names_user(connection: HTTPConnection) -> bool:
    """Whether a trusted proxy says who this is, and the caller does not come with a token of ours."""
    own = any(f"{OUR_TOKEN}_" in given for given in connection.headers.getlist("authorization"))
    return KEY in connection.scope and not own


def caller_of(connection: HTTPConnection, roles: Mapping[str, Role]) -> Caller:
    """Whom the proxy names, with the role that they have here.

    Raises `Unauthenticated` where it does not name one person, and `Forbidden` for somebody without a role.
    """
    said = connection.scope[KEY]
    if len(said) != 1 or not _NAME.fullmatch(said[0]):
        raise Unauthenticated("The proxy in front does not name one user.", hint="Ask who runs it.")
    name = said[0].lower()
    role = role_of(name, roles)
    if role is None:
        raise Forbidden(f"{name} has no role here.", hint=f"Ask an administrator for one in {PREFIX}PROXY_ROLES.")
    return Caller(name, role)


def role_of(name: str, roles: Mapping[str, Role]) -> Role | None:
    """The role of a user: by their own name, else by the first pattern that fits."""
    stated = {pattern.lower(): role for pattern, role in roles.items()}
    if name in stated:
        return stated[name]
    return next((role for pattern, role in stated.items() if fnmatchcase(name, pattern)), None)
