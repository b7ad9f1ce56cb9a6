"""URLs that settings state: refused by the name of their setting where they are none, and not quoted."""

from __future__ import annotations

from urllib.parse import urlsplit


def readable(url: str | None) -> str | None:
    """The URL, if it has a host, and no port that cannot be; raises `ValueError`, which does not quote it."""
    if url is None:
        return None
    try:
        where = urlsplit(url)
        usable = bool(where.hostname) and where.port != 0
    except ValueError:  # such as an IPv6 address without its end; its text may quote the value
        usable = False
    if not usable:
        raise ValueError("expected http(s)://host or http(s)://host:port, an IPv6 address in [ and ]")
    return url


def all_readable(urls: str | None) -> str | None:
    """The same for several URLs between commas."""
    for url in urls.split(",") if urls is not None else ():
        readable(url.strip())
    return urls
