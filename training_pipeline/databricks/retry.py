"""Reads of a workspace, repeated while what goes wrong may pass.

The SDK repeats a call whose connection broke or that met an overload. An error of the server's own, a page instead of
JSON or an answer that breaks off it hands on at once, and they pass by themselves as often.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.errors import BackendDenied, BackendUnreachable
from training_pipeline.infra.retry import RetryPolicy

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_T = TypeVar("_T")
#: How often a read is made before its failure counts, and the pauses in between.
RETRIES: Final = RetryPolicy(first=0.5, longest=2.0, jitter=0.25, attempts=4)


def call_with_retries(
    connection: Connection,
    what: str,
    call: Callable[[WorkspaceClient], _T],
    *,
    grant: str = "",
    sleep: Callable[[float], None] = time.sleep,
    until: float = math.inf,
) -> _T:
    """The answer, if need be to a repeated call; `call` must be harmless to repeat. Raises what `calling` raises.

    No call begins anew after `until`, by the monotonic clock.

    Refused credentials and missing grants are raised at once: no repetition mends them.
    """

    def once() -> _T:
        with connection.calling(what, grant=grant):
            return call(connection.client())

    return RETRIES.call(once, when=lambda error: may_pass(error) and time.monotonic() < until, sleep=sleep)


def may_pass(error: BaseException) -> bool:
    """Whether the same call may succeed in a moment."""
    return isinstance(error, BackendUnreachable) and not isinstance(error, BackendDenied)
