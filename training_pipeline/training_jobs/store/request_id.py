"""The request that this thread works for: its id stands in the events that it causes and in the logs."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

#: Set by the REST API for the time of one request; None for everything that no request asked for.
request_id: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)


def with_request_id(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The data of an event, and in it the id of the request that causes it where there is one. Reads the context."""
    current = request_id.get()
    if current is None:
        return None if data is None else dict(data)
    return {**(data or {}), "request_id": current}
