"""Where plans are kept in this process. Imports no engine: who opens no sheet says so as well."""

from __future__ import annotations

from pathlib import Path

_directory: Path | None = None


def keep_in(directory: Path | None) -> None:
    """Keep plans in this directory from now on, in this process; with None nowhere. It is created when needed."""
    global _directory
    _directory = directory


def kept_in() -> Path | None:
    """Where plans are kept; None where they are not."""
    return _directory
