"""Which pages and host names Dagster's UI answers to: its own."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from training_pipeline.api.middleware.access import CrossOrigin, require_same_origin
from training_pipeline.api.middleware.origins import SAFE_METHODS, is_cross_origin, names_of_this_machine
from training_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Origins:
    """What one of the two UIs knows of its own addresses."""

    #: Where browsers find it, as origins; pages of those may do everything that its own may.
    trusted: frozenset[str]
    #: Whether only this machine may ask, under a name of its loopback interface.
    here_only: bool
    #: Names of this machine under which others may find it.
    names: frozenset[str]

    @classmethod
    def of(cls, settings: Settings, *, read_only: bool) -> Origins:
        """The addresses that the settings name. Asks the system for the names of this machine."""
        url = urlsplit((settings.dagster_url or "").lower())
        return cls(
            trusted=frozenset({f"{url.scheme}://{url.netloc}"} if url.netloc else ()),
            here_only=settings.auth == "none" and not read_only,
            names=names_of_this_machine(),
        )

    def require(self, connection: HTTPConnection) -> None:
        """Raise `CrossOrigin` or `ForeignHost` for what pages of other origins sent, or for what was meant for others.

        Such pages may link here, and nothing else: they may not read, embed, post, or open a websocket.
        """
        writes = connection.scope["type"] == "websocket" or connection.scope["method"] not in SAFE_METHODS
        require_same_origin(
            connection,
            self.trusted,
            here_only=self.here_only,
            names=self.names,
            writes=writes,
            setting="DAGSTER_URL",
        )
        if not writes and is_cross_origin(connection, self.trusted) and not _is_link(connection):
            raise CrossOrigin("Pages of other origins may only link here.")


def _is_link(connection: HTTPConnection) -> bool:
    """Whether the browser shows the answer as a page of its own."""
    headers = connection.headers
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
