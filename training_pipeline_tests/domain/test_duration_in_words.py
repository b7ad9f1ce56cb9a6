from __future__ import annotations

from training_pipeline.domain.duration_in_words import duration


def test_durations_in_words() -> None:
    assert [duration(seconds) for seconds in (20, 3600, 86400, 5400)] == ["20 s", "1 h", "24 h", "1.5 h"]
