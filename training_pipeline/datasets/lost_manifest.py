"""The error for a manifest that is gone, damaged, or another than was indexed. Imports no engine."""

from __future__ import annotations

from pathlib import Path

from training_pipeline.domain.errors import Unavailable


def lost_manifest(manifest: Path, reason: object) -> Unavailable:
    """What is raised about a manifest that is gone or cannot be read."""
    return Unavailable(
        f"The manifest {manifest} cannot be read: {reason}.",
        hint="Restore it from a backup. `training-pipeline index check` names every manifest that is lost or damaged.",
    )
