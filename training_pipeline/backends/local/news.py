"""Whether local runs have something to tell: they touch one file beside them, which costs nothing to look at often."""

from __future__ import annotations

from pathlib import Path

from training_pipeline.backends.local.run_directory import NEWS


class News:
    """What the runs in a directory tell from now on. Not shared between threads."""

    def __init__(self, runs: Path) -> None:
        self._file = runs / NEWS
        self._seen = self._touched()

    def is_fresh(self) -> bool:
        """Whether any run has had something to tell since this was asked last. Reads; never raises."""
        touched = self._touched()
        if touched in {self._seen, None}:
            return False
        self._seen = touched
        return True

    def _touched(self) -> int | None:
        """When, in nanoseconds since 1970; None where it is not there or cannot be looked at."""
        try:
            return self._file.stat().st_mtime_ns
        except OSError:
            return None
