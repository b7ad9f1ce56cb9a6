"""Detects requests that a browser was made to send by a page of another origin.

A page anywhere can make a browser send requests to this machine, under the page's own name too, if that is made to
resolve to this machine (DNS rebinding). Without tokens, and wherever a cookie is sent along, this check is
the only protection against such a page.
"""

from __future__ import annotations

import socket
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from training_pipeline.domain.loopback import is_loopback, names_this_machine

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def is_cross_origin(connection: HTTPConnection, trusted: frozenset[str]) -> bool:
    """Whether a page of another origin, which is none of the trusted ones, made a browser send this.

    Browsers say so (Sec-Fetch-Site, or Origin in older ones); what is no browser says nothing and does what it is told.
    """
    headers = connection.headers
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin in trusted or site in {"same-origin", "none"}:
        return False
    if site is not None:
        return True
    # Not parsed: what is no origin, such as `null` or half an IPv6 address, is no host's.
    return origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()


def is_for_us(connection: HTTPConnection, trusted: frozenset[str]) -> bool:
    """Whether the Host header names this machine, or what a trusted origin names.

    That is a name of the loopback interface, or literally the address that the request came to: no page can have that
    for its name.
    """
    host = connection.headers.get("host", "").lower()
    if host in {urlsplit(origin).netloc.lower() for origin in trusted}:
        return True
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    server = (connection.scope.get("server") or ("",))[0]
    return name == server or names_this_machine(name)


def names_of_this_machine() -> frozenset[str]:
    """Host names by which other machines may know this one. Asks the system."""
    return frozenset({socket.gethostname().lower(), socket.getfqdn().lower()})


def is_known_host(connection: HTTPConnection, trusted: frozenset[str], names: frozenset[str]) -> bool:
    """Whether the Host header has a name that no page elsewhere can have made for itself.

    That is what `is_for_us` accepts, one of these names of the machine, or any IP address.
    """
    if is_for_us(connection, trusted):
        return True
    try:
        name = urlsplit(f"//{connection.headers.get('host', '').lower()}").hostname or ""
    except ValueError:
        return False
    return name in names or is_loopback(name) is not None
