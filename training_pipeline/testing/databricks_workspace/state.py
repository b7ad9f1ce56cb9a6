"""What a workspace is made of, shared by every module that serves a part of its API."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import Request

from training_pipeline.testing.databricks_workspace.faults import Faults


class ApiError(Exception):
    """A refusal as the API words it; `reason` is what the SDK decides by where the code does not say enough."""

    def __init__(self, status: int, code: str, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.reason = reason


def not_found(message: str) -> ApiError:
    """The thing asked for is not there."""
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)


def bad_request(message: str) -> ApiError:
    """The request itself is wrong."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reached the server: the name of its route and, where it was answered, the status."""

    name: str
    status: int | None
    at: float


@dataclass
class Workspace:
    """A workspace whose files lie below `root`: `/Workspace/...`, `/Volumes/...` and `/Models/...` are found there.

    `tokens` maps each personal access token that is accepted to its user, `denied` the full name of an object to the
    privilege on it that the users lack. Mutable, and changed by the server's event loop and by tests.
    """

    root: Path
    tokens: dict[str, str] = field(default_factory=lambda: {"dapi-stand-in": "steward@example.com"})
    #: What programs of submitted runs come with; their calls are neither recorded nor broken.
    worker_token: str = "dapi-worker"
    workspace_id: str = "6051921418418893"
    denied: dict[str, str] = field(default_factory=dict)
    #: Secrets by scope/key.
    secrets: dict[str, str] = field(default_factory=dict)
    #: The Lakebase instance that there is, for how long its passwords are valid, and those that were made.
    database_instance: str = "lakebase"
    database_token_seconds: float = 3600
    database_tokens: list[str] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    calls: list[Call] = field(default_factory=list)
    #: State of the modules that serve the API, by module: each keeps its own object here.
    parts: dict[str, Any] = field(default_factory=dict)
    #: Set once the server listens.
    url: str = ""

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self._numbers = itertools.count(int(time.time()) % 1_000_000 * 1000)
        for name in ("Workspace", "Volumes", "Models"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def number(self) -> int:
        """A number that this workspace did not give before, for ids."""
        return next(self._numbers)

    def path(self, remote: str) -> Path:
        """Where the file or folder that is called `remote` in the workspace lies on this machine."""
        parts = Path(remote).parts
        if len(parts) < 2 or parts[0] != "/" or ".." in parts:
            raise bad_request(f"The path {remote!r} must be absolute.")
        return self.root.joinpath(*parts[1:])

    def require(self, securable: str, name: str, privilege: str) -> None:
        """Raise the 403 of Unity Catalog if the user lacks `privilege` on the object."""
        if self.denied.get(name) == privilege:
            raise ApiError(403, "PERMISSION_DENIED", f"User does not have {privilege} on {securable} '{name}'.")

    def user(self, request: Request) -> str:
        """Who calls; raises the 401 of a token that is not accepted, or not any more."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if token == self.worker_token:
            return next(iter(self.tokens.values()), "worker")
        if token not in self.tokens:
            raise ApiError(
                401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API."
            )
        return self.tokens[token]

    @contextmanager
    def without(self, name: str, privilege: str) -> Iterator[None]:
        """Take a privilege away for a while."""
        self.denied[name] = privilege
        try:
            yield
        finally:
            self.denied.pop(name, None)
