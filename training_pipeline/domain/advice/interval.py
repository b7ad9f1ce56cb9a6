"""How far a share that was counted on few pairs may be off."""

from __future__ import annotations

import math
from typing import Final

_Z: Final = 1.959964  # 95 % of a normal distribution


def wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share found on `count` cases."""
    if not count:
        return 0.0, 1.0
    spread = _Z * math.sqrt(share * (1 - share) / count + (_Z / (2 * count)) ** 2)
    middle, scale = share + _Z**2 / (2 * count), 1 + _Z**2 / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
