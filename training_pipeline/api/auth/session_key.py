"""The key that signs page sessions. All server processes of one installation share it, in the state directory."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from training_pipeline.infra.files import new_private_file, sync

KEY_BYTES: Final = 32


def session_key(state_dir: Path) -> bytes:
    """The installation's key, created if there is none yet; readable by its owner only.

    Idempotent, and safe from several processes at once: the file appears complete or not at all. Not in the database:
    whoever could read that, and the tokens' digests with it, must not be able to sign sessions.
    """
    path = state_dir / "session.key"
    if not path.exists():
        fresh = path.with_name(f".session.key.{secrets.token_hex(4)}")
        descriptor = new_private_file(fresh)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            sync(fresh)
            with suppress(FileExistsError):  # another process was faster: then its key is the one
                path.hardlink_to(fresh)
        finally:
            fresh.unlink()
    return path.read_bytes()
