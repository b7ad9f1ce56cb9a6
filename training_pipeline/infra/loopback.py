"""Which host names lead to this machine alone, as DNS says."""

from __future__ import annotations

import socket

from training_pipeline.domain.loopback import is_loopback


def resolves_to_loopback(host: str) -> bool:
    """Whether `host` resolves to loopback addresses only; false for a name that does not resolve. Asks DNS."""
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(addresses) and all(is_loopback(address) for address in addresses)
