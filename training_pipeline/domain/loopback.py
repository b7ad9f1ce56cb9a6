"""Which addresses and names lead to this machine alone. No name is looked up.

Two rules, because two sides look names up: whoever connects from this process must be sure of where a name leads, and
only `localhost` is in every hosts file. What a browser calls this machine, or a person in a URL for browsers, may also
end in `.localhost`: browsers take such names for the loopback interface (RFC 6761), other programs may ask DNS.
"""

from __future__ import annotations

import ipaddress


def is_loopback(address: str | None) -> bool | None:
    """Whether an IP address is of this machine alone; null for what is no IP address, such as a name or a socket."""
    try:
        return ipaddress.ip_address((address or "").partition("%")[0]).is_loopback
    except ValueError:
        return None


def leads_here(host: str) -> bool:
    """Whether a connection of this process to `host` stays on this machine."""
    return host == "localhost" or is_loopback(host) is True


def names_this_machine(host: str) -> bool:
    """Whether a browser takes `host` for the machine it runs on."""
    return leads_here(host) or host.endswith(".localhost")
