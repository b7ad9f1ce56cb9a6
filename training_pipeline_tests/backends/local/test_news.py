from __future__ import annotations

from pathlib import Path

from training_pipeline.backends.local.news import News
from training_pipeline.backends.local.run_directory import NEWS, RunDirectory


def test_what_a_run_tells_is_heard_once(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    news = News(runs)
    assert not news.is_fresh()
    runs.mkdir()
    for name in ("tj-1-1", "tj-2-1"):
        RunDirectory(runs / name).tell()
        assert news.is_fresh()
        assert not news.is_fresh()
    later = News(runs)
    assert not later.is_fresh(), "what was told before is known"
    (runs / NEWS).unlink()
    assert not later.is_fresh()
