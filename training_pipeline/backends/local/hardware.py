"""What this machine computes well, found out without loading torch."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

_CPU: Final = Path("/proc/cpuinfo")
_NVIDIA: Final = Path("/dev/nvidia0")

#: Flags of processors that multiply bf16 natively: x86-64 with AVX-512 or AMX, and ARM.
_BF16: Final = re.compile(r"^(?:flags|Features)\s*:.*\b(?:avx512_bf16|amx_bf16|bf16)\b", re.MULTILINE)


@cache
def best_precision(cpu: Path = _CPU, gpu: Path = _NVIDIA) -> Literal["bf16", "fp32"]:
    """`bf16` where there is an NVIDIA GPU or the processor has instructions for it, else `fp32`. Reads `cpu`, once.

    Elsewhere than on Linux there is no such file and the answer is `fp32`.
    """
    if gpu.exists():
        return "bf16"
    try:
        return "bf16" if _BF16.search(cpu.read_text(encoding="utf-8", errors="replace")) else "fp32"
    except FileNotFoundError:
        return "fp32"
