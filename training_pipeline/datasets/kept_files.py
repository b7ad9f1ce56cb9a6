"""What is kept of a version of a sheet: named by what it depends on, and only so much of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy

#: A temporary file that was not touched for so long was left by a process that was killed.
_LEFT_OVER_SECONDS: Final = 24 * 60 * 60


def judged_by(policy: GatePolicy, withdrawn: Withdrawn) -> list[str]:
    """What the verdicts of a version depend on beside its pairs: the policy, and the rows that are withdrawn."""
    return [policy.model_dump_json(), *withdrawn.identity]


def keep_newest(directory: Path, pattern: str, most: int) -> None:
    """Delete the files that were written or touched first, beyond so many, and temporary ones that were left over.

    Several processes may do so at the same time.
    """
    files = sorted(_touched(directory, pattern), reverse=True)
    before = time.time() - _LEFT_OVER_SECONDS
    left_over = [(at, path) for at, path in _touched(directory, ".*") if at < before]
    for _, path in (*files[most:], *left_over):
        path.unlink(missing_ok=True)


def _touched(directory: Path, pattern: str) -> list[tuple[float, Path]]:
    """The files with when each was touched last, but for those that are deleted meanwhile."""
    found = []
    for path in directory.glob(pattern):
        try:
            found.append((path.stat().st_mtime, path))
        except FileNotFoundError:
            continue
    return found
