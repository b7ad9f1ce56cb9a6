"""What is on record and cannot be read: gone or damaged for good, or out of reach for a while."""

from __future__ import annotations

from pathlib import Path

from training_pipeline.domain.errors import Lost, Unavailable


def unreadable(what: str, error: Exception, root: Path, *, hint: str) -> Unavailable:
    """The error to raise for what cannot be read below `root`: `Lost` where waiting mends nothing. Reads only.

    A file is gone where others are there: where a volume is not mounted, its folder is empty or missing. Content that
    cannot be made sense of is damaged: Arrow says that in an `OSError` without a number, too.
    """
    if isinstance(error, FileNotFoundError):
        if _has_others(root):
            return Lost(f"{what} is gone: {error.filename or error}.", hint=hint)
    elif not isinstance(error, OSError) or error.errno is None:
        return Lost(f"{what} is damaged: {error}.", hint=hint)
    return Unavailable(
        f"{what} cannot be read now: {error}.", hint=f"Check that its volume is mounted. If it is: {hint}"
    )


def _has_others(root: Path) -> bool:
    try:
        return any(not each.name.startswith(".") for each in root.iterdir())  # those are being written
    except OSError:
        return False
