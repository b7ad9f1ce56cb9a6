"""Authentication and rate limits of requests, before anything of a request's body is read."""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from typing import Final

from anyio import to_thread
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training_pipeline.api.auth.proxy_user import KEY
from training_pipeline.api.middleware.origins import (
    SAFE_METHODS,
    is_cross_origin,
    is_for_us,
    is_known_host,
    names_of_this_machine,
)
from training_pipeline.api.middleware.rate_limit import Buckets, address_key
from training_pipeline.api.problems import of_pipeline_error, problem
from training_pipeline.domain.access import Caller
from training_pipeline.domain.errors import Forbidden, PipelineError, Unauthenticated, Unavailable
from training_pipeline.domain.loopback import is_loopback
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX

#: Open to everybody and never counted: probes have no token.
HEALTH: Final = frozenset({"/healthz", "/readyz"})
#: Paths below it, and the exchange of a token for a session, are for those who say in the request who they are.
API: Final = "/api/"
#: And so is what describes them.
BY_TOKEN: Final = (API, "/openapi.json")
SESSION: Final = "/session"
#: How long an answer under way may outlive its caller's token.
LOOK_SECONDS: Final = 5.0
_PROVEN: Final = 10_000


class CrossOrigin(Forbidden):
    """The request was sent by a page of another origin."""

    code = "cross_origin"


class ForeignHost(Forbidden):
    """The request was meant for another host, or came from another machine while authentication is off."""

    code = "foreign_host"


class Access:
    """ASGI middleware: sets `caller` in the request's state, or answers 401, 403 or 429 itself.

    A long response, such as a stream, ends when its caller's token does.

    Counts are per process. A token that was valid here before is checked even while its address sends too many
    invalid ones, so that callers are not locked out by others behind the same address.
    """

    def __init__(self, app: ASGIApp, *, api: FastAPI, settings: Settings) -> None:
        self._app = app
        self._api = api
        self._open = settings.auth == "none"
        self._trusted = settings.trusted_origins
        self._names = names_of_this_machine()
        rate, failures = settings.api_requests_per_second, settings.api_failures_per_minute
        self._requests = Buckets(per_second=rate, burst=10 * rate)
        self._failures = Buckets(per_second=failures / 60, burst=failures)
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["path"] in HEALTH:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._api
        connection = HTTPConnection(scope)
        refused = await self._refused(connection)
        if refused is not None:
            await refused(scope, receive, send)
            return
        lasting = scope["path"].startswith(API) and not self._open
        await self._app(scope, receive, self._while_known(connection, send) if lasting else send)

    def _while_known(self, connection: HTTPConnection, send: Send) -> Send:
        """Sends until the caller's token is no longer valid: long responses are checked again from time to time."""
        looked, over = time.monotonic(), False

        async def sent(message: Message) -> None:
            nonlocal looked, over
            if not over and message.get("more_body") and time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                try:
                    await to_thread.run_sync(self._api.state.authenticate, connection)
                except Unauthenticated:
                    over = True
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                except Unavailable:  # the handler of the request will notice
                    pass
            if not over:
                await send(message)

        return sent

    async def _refused(self, connection: HTTPConnection) -> Response | None:
        path, method = connection.scope["path"], connection.scope["method"]
        client = address_key(connection.client.host if connection.client else None)
        try:
            writes = method not in SAFE_METHODS
            require_same_origin(connection, self._trusted, here_only=self._open, names=self._names, writes=writes)
            if not path.startswith(BY_TOKEN) and (path, method) != (SESSION, "POST"):
                return too_many(path, self._requests.take(f"address {client}"), "requests")
            proof = _proof(connection)
            if proof not in self._proven and (wait := self._failures.wait(client)):
                return too_many(path, wait, "failures")
            caller = await self._caller(connection, client, proof)
        except PipelineError as error:
            return of_pipeline_error(path, error)
        return too_many(path, self._requests.take(f"caller {caller.name}"), "requests")

    async def _caller(self, connection: HTTPConnection, client: str, proof: bytes) -> Caller:
        authenticate = self._api.state.authenticate
        try:
            # Without authentication there is no rate limit either.
            caller: Caller = (
                authenticate(connection) if self._open else await to_thread.run_sync(authenticate, connection)
            )
        except Unauthenticated:
            self._failures.take(client)
            self._proven.pop(proof, None)
            raise
        self._proven[proof] = None
        self._proven.move_to_end(proof)
        if len(self._proven) > _PROVEN:
            self._proven.popitem(last=False)
        connection.state.caller = caller
        connection.state.actor = caller.name
        return caller


def require_same_origin(
    connection: HTTPConnection,
    trusted: frozenset[str],
    *,
    here_only: bool,
    names: frozenset[str],
    writes: bool,
    setting: str = "API_PUBLIC_URL",
) -> None:
    """Raise `CrossOrigin` or `ForeignHost` for requests from pages of other origins or for other hosts.

    With `here_only`, as without authentication, requests must be addressed to this machine by a name of the loopback
    interface, and come from it; else by one of its `names` or an IP address. `setting` is the one that names another
    address of this service.
    """
    if here_only and is_loopback((connection.scope.get("server") or ("",))[0]) is False:
        raise ForeignHost("Without authentication this service only answers requests from its own machine.")
    if not (is_for_us(connection, trusted) if here_only else is_known_host(connection, trusted, names)):
        ours = "localhost" if here_only else "this machine's name or IP address"
        raise ForeignHost(
            "The Host header names another machine.", hint=f"Use {ours}, or set {PREFIX}{setting} to this address."
        )
    if writes and is_cross_origin(connection, trusted):
        raise CrossOrigin("Pages of other origins may not do this.")


def too_many(path: str, wait: float, what: str) -> Response | None:
    """The 429 response with the seconds to wait; None if there are none."""
    if not wait:
        return None
    said = {
        "requests": "Too many requests from this caller.",
        "failures": "Too many requests without a valid token from this address.",
    }
    seconds = str(math.ceil(wait))
    hint = f"Try again in {seconds} s."
    return problem(path, 429, f"too_many_{what}", said[what], hint=hint, headers={"Retry-After": seconds})


def _proof(connection: HTTPConnection) -> bytes:
    said = (*connection.headers.getlist("authorization"), *connection.scope.get(KEY, ()))
    return hashlib.sha256("\n".join(said).encode()).digest()
