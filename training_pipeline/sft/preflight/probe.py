"""How fast this machine multiplies matrices, as trainings do: `python -m training_pipeline.sft --probe`.

Prints one JSON object: `operations_per_second`, `device` and `precision`. Writes nothing.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Final

from ..errors import SUCCEEDED

_SIDE: Final = 1024
_SECONDS: Final = 3.0


def main(_: list[str]) -> int:
    """Measure and print; returns the exit code."""
    sys.stdout.write(json.dumps(probe()) + "\n")
    return SUCCEEDED


def probe(*, side: int = _SIDE, seconds: float = _SECONDS) -> dict[str, float | str]:
    """Multiply for so many seconds in the format that trainings use here: bf16 on a GPU, else fp32."""
    import torch

    gpu = torch.cuda.is_available()
    device, kind = ("cuda", torch.bfloat16) if gpu else ("cpu", torch.float32)
    side = side * 8 if gpu else side
    first, second = (torch.ones(side, side, device=device, dtype=kind) for _ in range(2))

    def multiply() -> None:
        torch.mm(first, second)
        if gpu:
            torch.cuda.synchronize()

    multiply()  # the first one loads what the others use
    began, times = time.monotonic(), 0
    while (took := time.monotonic() - began) < seconds or not times:
        multiply()
        times += 1
    return {
        "operations_per_second": 2.0 * side**3 * times / max(took, 1e-9),
        "device": device,
        "precision": "bf16" if gpu else "fp32",
    }
