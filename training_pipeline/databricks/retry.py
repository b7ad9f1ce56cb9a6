"""Reads of a workspace, repeated while what goes wrong may pass.

The SDK repeats a call whose connection broke or that met an overload. An error of the server's own, a page instead of
JSON or an answer that breaks off it hands on at once, and they pass by themselves as often.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from training_pipeline.domain.errors import BackendUnreachable, PipelineError

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_T = TypeVar("_T")
#: How often a call is made before its failure counts, and seconds before the second time.
TRIES: Final = 4
PAUSE: Final = 0.5


class Connection(Protocol):
    """The connection to a workspace: the SDK's client, and its errors in our words."""

    def client(self) -> WorkspaceClient:
        """The client."""
        ...

    def calling(self, what: str, *, grant: str = "") -> AbstractContextManager[None]:
        """Turn the SDK's errors into ours; `BackendUnreachable` for what may pass."""
        ...


def patiently(
    connection: Connection,
    what: str,
    call: Callable[[WorkspaceClient], _T],
    *,
    grant: str = "",
    sleep: Callable[[float], None] = time.sleep,
) -> _T:
    """The answer, if need be to a repeated call; `call` must be harmless to repeat. Raises what `calling` raises."""
    for number in range(1, TRIES + 1):
        try:
            with connection.calling(what, grant=grant):
                return call(connection.client())
        except BackendUnreachable as error:
            if number == TRIES or _refuses(error):
                raise
            sleep(PAUSE * number)
    raise AssertionError("unreachable")


def _refuses(error: PipelineError) -> bool:
    """Whether it is a matter of credentials or grants, which no repetition mends."""
    return "(401)" in error.message or "(403)" in error.message
