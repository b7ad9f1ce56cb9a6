from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from training_pipeline.cli.system.password_watch import PasswordWatch
from training_pipeline.infra.password_file import PasswordFile
from training_pipeline.testing.polling import until


def test_the_watch_says_what_went_wrong(tmp_path: Path) -> None:
    with closing(PasswordWatch(PasswordFile(tmp_path / "database.pgpass", "false"), look_seconds=0.02)) as watch:
        deadline = time.monotonic() + 10
        said: list[str] = []
        while not said and time.monotonic() < deadline:
            said = watch.tend()
            time.sleep(0.02)
    assert said == [
        "The command for the password of the database made none: it ended with exit code 1: it printed no reason."
    ]


class Broken(PasswordFile):
    """One that something nobody foresaw happens to."""

    def refresh(self, *, rejected: str | None = None) -> None:
        raise MemoryError("out of it")


def test_the_watch_goes_on_whatever_happens(tmp_path: Path) -> None:
    with closing(PasswordWatch(Broken(tmp_path / "database.pgpass", "true"), look_seconds=0.001)) as watch:
        for _ in range(3):
            said: list[str] = []
            until(lambda said=said: said.extend(watch.tend()) or said)  # type: ignore[misc]
            assert said == ["The password of the database was not looked at (MemoryError: out of it)."]
