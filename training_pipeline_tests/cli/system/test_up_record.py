from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

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


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff"])
def test_a_broken_record_is_none_and_is_told(
    settings: Settings, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    record_file(settings).write_bytes(content)
    assert read_record(settings) is None
    assert f"{record_file(settings)} is broken" in caplog.text
