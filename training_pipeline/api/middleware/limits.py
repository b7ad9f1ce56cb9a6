"""Limits of requests: size and form of the body, and the time until it is answered."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Iterator
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training_pipeline.api.problems import problem
from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.validation import told
from training_pipeline.schemas.problem import ProblemField
from training_pipeline.sheets.files.json_objects import is_too_deep

_log = logging.getLogger(__name__)

#: A body must have come in after so many seconds.
BODY_SECONDS: Final = 15.0
#: Far more levels than any request has; whatever walks through a body may do so by recursion.
DEEPEST: Final = 200
BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class _Disconnected(Exception):
    """The client disconnected before its body was complete."""


class Bodies:
    """ASGI middleware: reads the body of a request, and accepts JSON up to a maximum size only.

    Text must be such that the database can hold it: no NUL, no half of a surrogate pair.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float, uploads: Collection[str] = ()) -> None:
        """Multipart bodies to the paths of `uploads` are left to them."""
        self._uploads = frozenset(uploads)
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] not in BODY_METHODS or is_upload(scope, self._uploads):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(scope, receive)
        except _Disconnected:
            return
        except TimeoutError:
            refused: Response | None = problem(
                scope["path"], 408, "body_too_slow", f"The body was not received within {self._seconds:g} seconds."
            )
        else:
            refused = self._refused(scope, body)
        if refused is not None:
            # What is left of the body is not read, so the connection cannot be used again.
            refused.headers["Connection"] = "close"
            await refused(scope, receive, send)
            return
        await self._app(scope, _replay(body or b"", receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body; None if it is too large."""
        stated = Headers(scope=scope).get("content-length", "0")
        if stated.isascii() and stated.isdigit() and int(stated[:20]) > self._max_bytes:
            return None
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                return None
            if not message.get("more_body", False):
                return bytes(body)

    def _refused(self, scope: Scope, body: bytes | None) -> Response | None:
        path = scope["path"]
        if body is None:
            return problem(path, 413, "body_too_large", f"The body must not be larger than {self._max_bytes:,} bytes.")
        if not body:
            return None
        headers = Headers(scope=scope)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" or headers.get("content-encoding", "identity") != "identity":
            hint = "Send the header Content-Type: application/json, and do not compress the body."
            return problem(path, 415, "unsupported_media_type", "The body must be uncompressed JSON.", hint=hint)
        try:
            text = body.decode()
            if is_too_deep(text, DEEPEST):
                detail = f"The body must not be nested deeper than {DEEPEST} levels."
                return problem(path, 400, "malformed", detail)
            parsed = json.loads(text)
        except ValueError:
            return problem(path, 400, "malformed", "The body is not valid JSON in UTF-8.")
        unstorable = [FieldProblem(pointer, "unstorable_text", detail) for pointer, detail in _unstorable(parsed, "")]
        errors = [ProblemField.of(found, "body") for found in told(unstorable, len(unstorable))]
        if errors:
            return problem(path, 422, "invalid_request", "The request is invalid.", errors=errors)
        return None


def is_upload(scope: Scope, paths: Collection[str]) -> bool:
    """Whether it is a file that comes in, at one of these paths: it has limits of its own."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in paths:
        return False
    return Headers(scope=scope).get("content-type", "").lower().startswith("multipart/form-data")


class TimeLimit:
    """ASGI middleware: a request that is not being answered in time is answered with 503.

    The work continues in its thread, so that nothing is left half done; its late answer is dropped. A response that
    has started, such as a stream, has no time limit.
    """

    def __init__(self, app: ASGIApp, *, seconds: float, uploads: Collection[str] = ()) -> None:
        """Uploads to the paths of `uploads` have a time limit of their own."""
        self._uploads = frozenset(uploads)
        self._app = app
        self._seconds = seconds
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or is_upload(scope, self._uploads):
            await self._app(scope, receive, send)
            return
        begun, closed = asyncio.Event(), False

        async def guarded(message: Message) -> None:
            if not closed:
                begun.set()
                await send(message)

        async def answer() -> None:
            await self._app(scope, receive, guarded)

        task = asyncio.create_task(answer())
        waiting = asyncio.create_task(begun.wait())
        try:
            await asyncio.wait({task, waiting}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done() or begun.is_set():
                await task
                return
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            waiting.cancel()
        closed = True
        self._late.add(task)
        task.add_done_callback(self._forget)
        detail = f"The request timed out after {self._seconds:g} seconds. It may still be carried out."
        hint = "Check its effect before sending it again, or use an Idempotency-Key."
        late = problem(scope["path"], 503, "time_limit", detail, hint=hint, headers={"Retry-After": "10"})
        await late(scope, receive, send)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._late.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("unexpected error after the time limit", exc_info=error)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _unstorable(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if "\0" in value:
            yield pointer, "must not contain the character NUL"
        elif any("\ud800" <= character <= "\udfff" for character in value):
            yield pointer, "must not contain an unpaired surrogate"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if any(_unstorable(key, "")):
                yield pointer, "has an invalid name"
            else:
                yield from _unstorable(inner, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unstorable(inner, f"{pointer}/{number}")
