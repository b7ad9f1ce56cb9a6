"""Break calls to the workspace in the ways that calls break in practice, each call and each way by name."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class FaultKind(StrEnum):
    """How one call goes wrong."""

    LOST_REPLY = "lost_reply"  # the action is done, the connection breaks before the answer
    NO_REPLY = "no_reply"  # the action is done, the answer is held back until the client is gone
    CUT_REPLY = "cut_reply"  # the action is done, the connection breaks in the middle of the answer
    SLOW_REPLY = "slow_reply"  # the action is done, the answer comes after the client has given up
    TOO_MANY = "too_many"  # 429 with Retry-After, nothing done
    UNAVAILABLE = "unavailable"  # 503, nothing done
    INTERNAL = "internal"  # 500, nothing done
    INTERNAL_AFTER = "internal_after"  # 500, although the action was done
    HTML = "html"  # 200 with a page of a proxy or a login instead of JSON, nothing done
    UNAUTHENTICATED = "unauthenticated"  # 401: the token has expired
    FORBIDDEN = "forbidden"  # 403: a grant is missing
    FORBIDDEN_TOKEN = "forbidden_token"  # 403, as older doors of the API answer a token that is not good
    FORBIDDEN_ADDRESS = "forbidden_address"  # 403: not on the IP access list
    FORBIDDEN_PAGE = "forbidden_page"  # 403 with a page of a proxy
    VANISHED = "vanished"  # what is asked about is said not to exist


@dataclass
class Fault:
    """`kind` happens to the calls named `call`, after `skip` of them, `times` times (for ever where null)."""

    call: str
    kind: FaultKind
    times: int | None = 1
    skip: int = 0
    happened: int = 0


@dataclass
class Faults:
    """The faults that are armed. `slow_seconds` is how late a slow reply is."""

    armed: list[Fault] = field(default_factory=list)
    slow_seconds: float = 3.0

    def arm(self, call: str, kind: FaultKind, *, times: int | None = 1, skip: int = 0) -> Fault:
        """Let `call` go wrong; the fault counts how often it did."""
        fault = Fault(call, kind, times, skip)
        self.armed.append(fault)
        return fault

    def clear(self) -> None:
        """Let everything go well again."""
        self.armed.clear()

    def strike(self, call: str) -> FaultKind | None:
        """The way in which this call goes wrong, if it does; counts it."""
        for fault in self.armed:
            if fault.call != call or (fault.times is not None and fault.happened >= fault.times):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.happened += 1
            return fault.kind
        return None


#: The faults that are the same to whoever calls as one of the others, but for the words; not walked at every call.
REWORDED: Final = frozenset({FaultKind.FORBIDDEN_TOKEN, FaultKind.FORBIDDEN_ADDRESS})

_REFUSALS: Final[dict[FaultKind, tuple[int, str | int, str, list[tuple[bytes, bytes]]]]] = {
    FaultKind.TOO_MANY: (429, "RESOURCE_EXHAUSTED", "Too many requests.", [(b"retry-after", b"1")]),
    FaultKind.UNAVAILABLE: (503, "TEMPORARILY_UNAVAILABLE", "The service is temporarily unavailable.", []),
    FaultKind.INTERNAL: (500, "INTERNAL_ERROR", "An internal error occurred.", []),
    FaultKind.UNAUTHENTICATED: (401, "UNAUTHENTICATED", "The access token is expired.", []),
    FaultKind.FORBIDDEN: (403, "PERMISSION_DENIED", "The caller does not have the permission to do this.", []),
    FaultKind.FORBIDDEN_TOKEN: (403, 403, "Invalid access token.", []),
    FaultKind.FORBIDDEN_ADDRESS: (
        403,
        403,
        "Source IP address: 203.0.113.7 is blocked by Databricks IP ACL for workspace: 6051921418418893",
        [],
    ),
    FaultKind.VANISHED: (404, "RESOURCE_DOES_NOT_EXIST", "It does not exist.", []),
}
_PAGE: Final = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


class FaultMiddleware:
    """Strikes before or after the call that it wraps; the name of the call is in `scope["call"]`."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, or do to it what the next fault says."""
        ours = scope["type"] == "http" and not scope.get("worker")
        kind = self._faults.strike(scope.get("call", "")) if ours else None
        if kind is None:
            await self._app(scope, receive, send)
        elif kind in _REFUSALS:
            status, code, message, headers = _REFUSALS[kind]
            body = json.dumps({"error_code": code, "message": message}).encode()
            await _answer(send, status, b"application/json", body, headers)
        elif kind is FaultKind.HTML:
            await _answer(send, 200, b"text/html", _PAGE, [])
        elif kind is FaultKind.FORBIDDEN_PAGE:
            await _answer(send, 403, b"text/html", _PAGE, [])
        else:
            await self._after(kind, scope, receive, send)

    async def _after(self, kind: FaultKind, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what was asked for, then spoil the answer."""
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        if kind is FaultKind.INTERNAL_AFTER:
            body = json.dumps({"error_code": "INTERNAL_ERROR", "message": "An internal error occurred."}).encode()
            await _answer(send, 500, b"application/json", body, [])
            return
        if kind is FaultKind.NO_REPLY:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if kind is FaultKind.SLOW_REPLY:
            began = time.monotonic()
            while time.monotonic() - began < self._faults.slow_seconds:  # which a test may cut short
                await asyncio.sleep(0.02)
            for message in answer:
                await send(message)
            return
        if kind is FaultKind.CUT_REPLY:  # a promise of a body that never comes
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
        scope["hang_up"]()


async def _answer(send: Send, status: int, kind: bytes, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    head = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
