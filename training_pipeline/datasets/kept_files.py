"""What is kept of a version of a sheet: named by what it depends on, and only so much of it."""

from __future__ import annotations

from pathlib import Path

from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy


def judged_by(policy: GatePolicy, withdrawn: Withdrawn) -> list[str]:
    """What the verdicts of a version depend on beside its pairs: the policy, and the rows that are withdrawn. Pure."""
    return [policy.model_dump_json(), *withdrawn.identity]


def keep_newest(directory: Path, pattern: str, most: int) -> None:
    """Delete the files that were written or touched first, beyond so many."""
    files = sorted(directory.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[most:]:
        path.unlink(missing_ok=True)
