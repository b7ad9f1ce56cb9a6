"""Which addresses lead to this machine alone."""

from __future__ import annotations

import ipaddress
import socket


def is_loopback(address: str | None) -> bool | None:
    """Whether an IP address is of this machine alone; null for what is no IP address, such as a name or a socket."""
    try:
        return ipaddress.ip_address((address or "").partition("%")[0]).is_loopback
    except ValueError:
        return None


def resolves_to_loopback(host: str) -> bool:
    """Whether `host` resolves to loopback addresses only; false for a name that does not resolve. Asks DNS."""
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(addresses) and all(is_loopback(address) for address in addresses)
