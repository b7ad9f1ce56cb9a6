"""Uploads in parts that are under way, and presigned links: what `files.py` and `presigned_links.py` share."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace


@dataclass
class Upload:
    """A multipart upload under way; its parts lie beside each other until it is completed."""

    path: str
    overwrite: bool
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class Store:
    """Uploads and presigned links. `link_seconds` is how long a link is good; `presigned` whether links are given.

    So many of the next links as `expire_next` says have expired when they are first used.
    """

    uploads: dict[str, Upload] = field(default_factory=dict)
    links: dict[str, tuple[str, float]] = field(default_factory=dict)
    link_seconds: float = 3600.0
    presigned: bool = True
    expire_next: int = 0
    #: Where the links lead, as `http://host:port`; to this server where null.
    storage: str | None = None

    def link(self, what: str) -> str:
        """A secret that stands for `what` for a while."""
        secret = secrets.token_urlsafe(16)
        self.links[secret] = (what, time.monotonic() + self.link_seconds)
        return secret

    def behind(self, secret: str) -> str:
        """What a secret stands for; the cloud's own 403, in XML, once it has expired."""
        what, until = self.links.get(secret, ("", 0.0))
        if self.expire_next > 0:
            self.expire_next -= 1
            raise ExpiredLink
        if time.monotonic() > until:
            raise ExpiredLink
        return what


class ExpiredLink(Exception):
    """A presigned link that is not good any more."""


def store(workspace: Workspace) -> Store:
    """The state of this part."""
    part = workspace.parts.setdefault("files", Store())
    assert isinstance(part, Store)
    return part


def no_links() -> ApiError:
    """What a workspace answers that gives no links."""
    message, reason = "Presigned URLs API is not enabled", "FILES_API_API_IS_NOT_ENABLED"
    return ApiError(403, "PERMISSION_DENIED", message, reason=reason)
