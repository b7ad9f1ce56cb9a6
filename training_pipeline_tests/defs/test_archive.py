"""All that is known of a job in files, before Dagster forgets it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import dagster as dg
import pytest

from training_pipeline.app.container import Services
from training_pipeline.defs.archive import archive, read_archive
from training_pipeline.domain.errors import Conflict
from training_pipeline.testing.system.dagster_runs import create, finish, launch


def test_an_archive_holds_what_deleting_a_run_takes_away_and_is_never_replaced_by_less(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    job = create(services)
    with pytest.raises(Conflict, match="is pending"):
        archive(services.store, instance, job.id, root=tmp_path)
    runs = [launch(services, definitions, instance, job), finish(services, definitions, instance, job)]
    written = archive(services.store, instance, job.id, root=tmp_path)
    assert set(written.runs) == {run.run_id for run in runs}
    assert read_archive(written.path) == written
    for name, digest in written.sha256.items():
        content = (written.path / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert content.count(b"\n") == written.lines[name]
        assert b"Which queue takes" not in content, "the text of a pair"
    events = [json.loads(line) for line in (written.path / "dagster_events.jsonl").read_text().splitlines()]
    materialized = sum("AssetMaterialization" in json.dumps(event["event"]) for event in events)
    assert materialized >= 7
    assert written.lines["dagster_runless_events.jsonl"] >= 3, "the external assets"
    assert written.lines["lineage.jsonl"] == 1
    assert written.path.stat().st_mode & 0o077 == 0

    again = archive(services.store, instance, job.id, root=tmp_path)
    assert again.sha256 == written.sha256

    instance.delete_run(runs[0].run_id)
    with pytest.raises(Conflict, match=runs[0].run_id):
        archive(services.store, instance, job.id, root=tmp_path)
    assert read_archive(written.path) == written
