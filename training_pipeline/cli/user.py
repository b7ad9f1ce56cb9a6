"""Who types here: the actor of what commands do on this machine."""

from __future__ import annotations

import getpass
import os


def user() -> str:
    """Who types here: the name of the account, or its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
