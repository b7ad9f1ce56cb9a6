"""Who types here: the actor of what commands do on this machine."""

from __future__ import annotations

import getpass
import os

from training_pipeline.domain.access import Caller, Role


def user() -> str:
    """Who types here: the name of the account, or its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def caller() -> Caller:
    """The same as whom the rules of access know: who can reach the database may do everything."""
    return Caller(user(), Role.ADMIN)
