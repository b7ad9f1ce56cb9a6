"""Rate limits by token buckets, one per key, in a bounded part of this process's memory."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

#: The share of the time between two that is too little to wait for.
_ROUNDING: Final = 1e-6


class Buckets:
    """A bucket of `burst` for each key, which fills up again at `per_second`.

    Of a bucket only the time is kept at which it will be full. The one that was used longest ago is forgotten when
    there are more than `most`; it would mostly be full by then.
    """

    def __init__(
        self, *, per_second: float, burst: float, most: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 1 / per_second
        self._depth = max(burst, 1.0) * self._interval
        self._most = most
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until something can be taken from the key's bucket; 0 where it can be now. Takes nothing."""
        now = self._clock()
        missing = max(self._full_at.get(key, now) - now, 0.0)
        # Sums of times are not exact: what rounding adds must not keep anybody waiting, nor anybody who has waited.
        left = missing + self._interval - self._depth
        return left if left > _ROUNDING * self._interval else 0.0

    def take(self, key: str) -> float:
        """Take one from the key's bucket if there is one, and return 0; else the seconds until there will be."""
        wait = self.wait(key)
        if wait == 0.0:
            now = self._clock()
            self._full_at[key] = max(self._full_at.get(key, now), now) + self._interval
            self._full_at.move_to_end(key)
            if len(self._full_at) > self._most:
                self._full_at.popitem(last=False)
        return wait

    def __len__(self) -> int:
        return len(self._full_at)


def address_key(host: str | None) -> str:
    """What an address is counted under: itself, or for IPv6 its /64, of which one machine has them all."""
    if host is None:
        return "unknown"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
