"""The user at this terminal: the actor recorded for commands on this machine."""

from __future__ import annotations

import os
import pwd

from training_pipeline.domain.access import Caller, local_caller


def user() -> str:
    """The name of the account, or its number if it has no name; whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def caller() -> Caller:
    """The local user as a caller, who may do everything, as whoever can reach the database."""
    return local_caller(user())
