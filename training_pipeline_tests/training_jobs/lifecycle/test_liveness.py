from __future__ import annotations

import pytest

from training_pipeline.training_jobs.lifecycle.liveness import Liveness, liveness


@pytest.mark.parametrize(
    ("status", "held", "seconds", "expected"),
    [
        ("STARTED", True, 9999, Liveness.ALIVE),
        (None, True, 9999, Liveness.ALIVE),
        ("STARTED", False, 5, Liveness.ALIVE),  # it takes its lock a moment after it has begun
        ("STARTED", False, 31, Liveness.DEAD),
        ("CANCELING", False, 31, Liveness.DEAD),
        ("QUEUED", False, 9999, Liveness.ALIVE),
        ("STARTING", False, 9999, Liveness.ALIVE),
        ("FAILURE", False, 1, Liveness.OVER),
        ("CANCELED", False, 1, Liveness.OVER),
        ("SUCCESS", False, 9999, Liveness.OVER),
        (None, False, 5, Liveness.ALIVE),
        (None, False, 31, Liveness.MISSING),
    ],
)
def test_liveness(status: str | None, held: bool, seconds: float, expected: Liveness) -> None:
    assert liveness(status, lock_held=held, seconds=seconds, grace_seconds=30) is expected
