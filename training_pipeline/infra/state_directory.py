"""The directory in which everything of one installation is stored."""

from __future__ import annotations

import errno
import os
import stat

from training_pipeline.domain.errors import Unavailable
from training_pipeline.settings import Settings


def ensure_state_directory(settings: Settings) -> None:
    """Create the state directory and those in it, each closed to other users. Idempotent.

    An existing Dagster home is closed. Modes are widened in one case only: root's state directory can be passed through
    (not listed), since PostgreSQL runs as another user.

    Raises `Unavailable` if it cannot be made, or belongs to somebody else.
    """
    root = settings.state_dir
    ours = [settings.dagster_home, settings.datasets, settings.snapshots, settings.runs, settings.logs]
    closed = [*ours, *(path for path in (settings.sheets, settings.models) if path.parent == root)]
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(root.stat().st_mode)
        if os.geteuid() == 0 and settings.database_url is None and mode & 0o011 != 0o011:
            root.chmod(mode | 0o011)
        for directory in closed:
            directory.mkdir(mode=0o700, exist_ok=True)
        # Dagster writes logs and captured output there with the modes that it likes.
        if (mode := stat.S_IMODE(settings.dagster_home.stat().st_mode)) & 0o077:
            settings.dagster_home.chmod(mode & 0o700)
        for directory in (root, *closed):
            if not os.access(directory, os.W_OK | os.X_OK):  # false on a file system that is mounted read-only, too
                raise PermissionError(errno.EACCES, "it is read-only, or belongs to somebody else", str(directory))
    except OSError as error:
        raise Unavailable(
            f"The state directory {root} cannot be used: {error}.",
            hint="Set TRAINING_PIPELINE_STATE_DIR to a directory of your own.",
        ) from error
