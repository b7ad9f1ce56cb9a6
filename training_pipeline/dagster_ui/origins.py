"""Which pages and host names Dagster's UI answers to: its own."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from training_pipeline.api.middleware.access import CrossOrigin, ForeignHost, require_same_origin
from training_pipeline.api.middleware.origins import SAFE_METHODS, is_cross_origin, is_for_us
from training_pipeline.settings import PREFIX, Settings


@dataclass(frozen=True, slots=True)
class Origins:
    """What one of the two UIs knows of its own addresses."""

    #: Where browsers find it, as origins; pages of those may do everything that its own may.
    trusted: frozenset[str]
    #: Whether nobody is asked who they are.
    open_to_all: bool
    #: Names of this machine under which others may find it; null where it is for this machine alone.
    names: frozenset[str] | None = None

    @classmethod
    def of(cls, settings: Settings, *, read_only: bool) -> Origins:
        """The addresses that the settings name. Asks the system for the names of this machine."""
        url = urlsplit((settings.dagster_url or "").lower())
        return cls(
            trusted=frozenset({f"{url.scheme}://{url.netloc}"} if url.netloc else ()),
            open_to_all=settings.auth == "none",
            names=frozenset({socket.gethostname().lower(), socket.getfqdn().lower()}) if read_only else None,
        )

    def require(self, connection: HTTPConnection) -> None:
        """Raise `CrossOrigin` or `ForeignHost` for what pages of other origins sent, or for what was meant for others.

        Such pages may link here, and nothing else: they may not read, embed, post, or open a websocket.
        """
        writes = connection.scope["type"] == "websocket" or connection.scope["method"] not in SAFE_METHODS
        here_only = self.open_to_all and self.names is None
        require_same_origin(connection, self.trusted, open_to_all=here_only, writes=writes, setting="DAGSTER_URL")
        if self.open_to_all and self.names is not None and not self._is_ours(connection, self.names):
            raise ForeignHost(
                "The Host header names another machine.",
                hint=f"Use this machine's name or IP address, or set {PREFIX}DAGSTER_URL to this address.",
            )
        if not writes and is_cross_origin(connection, self.trusted) and not _is_link(connection):
            raise CrossOrigin("Pages of other origins may only link here.")

    def _is_ours(self, connection: HTTPConnection, names: frozenset[str]) -> bool:
        """Whether the Host header has a name that no page elsewhere can have made for itself."""
        if is_for_us(connection, self.trusted):
            return True
        try:
            name = urlsplit(f"//{connection.headers.get('host', '').lower()}").hostname or ""
        except ValueError:
            return False
        return name in names or _is_address(name)


def _is_link(connection: HTTPConnection) -> bool:
    """Whether the browser shows the answer as a page of its own."""
    headers = connection.headers
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
