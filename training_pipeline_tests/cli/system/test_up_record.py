from __future__ import annotations

import os
from datetime import UTC, datetime

from training_pipeline.cli.system.up_record import Child, Record, read_record, record_file
from training_pipeline.infra.processes import ProcessIdentity
from training_pipeline.settings import Settings


def test_what_is_written_is_read(settings: Settings) -> None:
    assert read_record(settings) is None
    us = ProcessIdentity.of(os.getpid())
    child = Child(name="daemon", process=us, log=settings.logs / "daemon.log")
    record = Record(up=us, since=datetime.now(UTC), url="http://127.0.0.1:3000", children=(child,))
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    assert record.stored(settings) is record
    assert read_record(settings) == record
    assert [path.name for path in settings.state_dir.glob("up.*")] == [record_file(settings).name]
