from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from training_pipeline.testing.trainers.local_backend import reap


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    """A directory of runs whose processes are ended with the test."""
    directory = tmp_path / "runs"
    yield directory
    reap(directory)
