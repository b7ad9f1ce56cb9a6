"""How fast this machine multiplies: measured once, and kept for estimates of trainings that are like no other yet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.json_file import read_json, write_json

PROGRAM: Final = (sys.executable, "-m", "training_pipeline.sft", "--probe")
_SECONDS: Final = 120.0
_SPEED: Final = "operations_per_second"


def measured_speed(file: Path, machine: str) -> float | None:
    """Operations a second of this machine, as `file` has them; null where they are not measured. Reads."""
    try:
        known = read_json(file) or {}
        speed = known.get(machine, {}).get(_SPEED)
    except (OSError, ValueError, AttributeError):
        return None
    return float(speed) if isinstance(speed, int | float) and speed > 0 else None


def measure(file: Path, machine: str) -> float:
    """Measure the machine, which takes about ten seconds, and keep it in `file`; raises `Unavailable`. Writes."""
    try:
        done = subprocess.run(PROGRAM, capture_output=True, timeout=_SECONDS, check=True)
        found = json.loads(done.stdout)
        speed = float(found[_SPEED])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            f"The speed of this machine could not be measured ({type(error).__name__}).",
            hint="Install what trains on this machine: pip install 'training_pipeline[local]'.",
        ) from error
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(file, {machine: found})
    return speed
