"""/login: exchanges a token for a session, the same one as that of the pages. One page without scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from html import escape
from typing import Final
from urllib.parse import parse_qs

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from training_pipeline.dagster_ui.callers import Callers
from training_pipeline.domain.access import Caller
from training_pipeline.domain.errors import Unauthenticated

LOGIN: Final = "/login"
_MOST: Final = 4096
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
}
_PAGE: Final = """<!doctype html>
<html lang="en-US"><head><meta charset="utf-8"><title>Dagster · training_pipeline</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 15vh auto; padding: 0 1rem }}
input, button {{ font: inherit; width: 100%; padding: .5rem; margin: .25rem 0 1rem; box-sizing: border-box }}</style>
</head><body><main><h1>Dagster</h1>{said}<form method="post">{form}</form></main></body></html>"""
_LOG_IN: Final = """<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button><p>No token? Ask whoever runs this service: <code>training-pipeline tokens create</code>.</p>"""
_LOG_OUT: Final = '<input type="hidden" name="log_out" value="yes"><button>Log out</button>'


class Login:
    """Answers requests for the page, and its forms. The guard has checked the origin."""

    def __init__(self, callers: Callers, *, seconds: float) -> None:
        """A form must have come in after so many `seconds`."""
        self._callers = callers
        self._seconds = seconds

    def answering(self, failed: Callable[[], object]) -> ASGIApp:
        """An app that answers one request, and calls `failed` if its token is not valid."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            response = await self._answer(request, failed)
            await response(scope, receive, send)

        return answer

    async def _answer(self, request: Request, failed: Callable[[], object]) -> Response:
        if self._callers.open_to_all:
            return RedirectResponse("/", 303)
        if request.method in {"GET", "HEAD"}:
            return _page(await self._known(request))
        if request.method != "POST":
            return PlainTextResponse("Method Not Allowed", 405, headers={"Allow": "GET, POST"})
        try:
            async with asyncio.timeout(self._seconds):
                form = await _form(request)
        except (TimeoutError, ClientDisconnect):
            # What is left of the form is not read, so the connection cannot be used again.
            return PlainTextResponse("Request Timeout", 408, headers={"Connection": "close"})
        if "log_out" in form:
            response: Response = RedirectResponse(LOGIN, 303)
            await to_thread.run_sync(self._callers.sessions.end, self._callers.tokens, request, response)
            return response
        try:
            caller = await to_thread.run_sync(self._callers.tokens.caller_of, form.get("token", "").strip())
        except Unauthenticated as error:
            failed()
            return _page(None, said=str(error), status=401)
        response = RedirectResponse(path_here(request.query_params.get("next", "")), 303)
        await to_thread.run_sync(self._callers.sessions.begin, self._callers.tokens, request, response, caller)
        return response

    async def _known(self, request: Request) -> Caller | None:
        try:
            return await to_thread.run_sync(self._callers.of, request)
        except Unauthenticated:
            return None


def path_here(stated: str) -> str:
    """The path on this server that is stated, or `/` if it is no such path."""
    here = stated.startswith("/") and not stated.startswith(("//", "/\\")) and stated.isprintable()
    return stated if here else "/"


async def _form(request: Request) -> dict[str, str]:
    """The fields of the form; none if it is longer than a token can be."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}


def _page(caller: Caller | None, *, said: str = "", status: int = 200) -> Response:
    if caller is not None:
        said = f"You are logged in as {caller.name} ({caller.role})."
    told = f'<p role="alert">{escape(said)}</p>' if said else ""
    return HTMLResponse(_PAGE.format(said=told, form=_LOG_OUT if caller else _LOG_IN), status, headers=_HEADERS)
