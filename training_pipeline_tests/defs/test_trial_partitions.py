from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from training_pipeline.app.container import Services
from training_pipeline.defs import studies, trial_partitions
from training_pipeline.defs.archive import read_archive
from training_pipeline.defs.partitions import training_job_partitions
from training_pipeline.domain.study import TrialStatus
from training_pipeline.testing.studies.seen_study import seen_study
from training_pipeline.tuning import records

KEYS = training_job_partitions.name or ""


def jobs_of(services: Services, study: str) -> dict[str, TrialStatus]:
    return {trial.job_id or "": trial.status for trial in records.trials_of(services.store, study)}


def test_pruned_trials_of_an_ended_study_are_archived_and_their_partitions_go(
    services: Services, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_partitions, "_A_TICK", 1)
    seen_study(services, "seen")
    jobs = jobs_of(services, "seen")
    pruned = {job for job, status in jobs.items() if status is TrialStatus.PRUNED}
    assert len(pruned) == 2
    instance.add_dynamic_partitions(KEYS, [*jobs])
    cursor: str | None = None
    sensor = studies.make_sensor(1)
    told = []
    for _ in range(4):
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"services": services})
        found = sensor.evaluate_tick(context)
        for request in found.dynamic_partitions_requests or ():
            assert isinstance(request, dg.DeleteDynamicPartitionsRequest)
            for key in request.partition_keys:
                instance.delete_dynamic_partition(KEYS, key)
        cursor = found.cursor
        told.append(found.skip_message)
    assert told == ["Advanced 0 studies. Archived pruned trials: 1."] * 2 + ["Advanced 0 studies."] * 2
    assert set(instance.get_dynamic_partitions(KEYS)) == jobs.keys() - pruned
    archives = services.settings.state_dir / "archive"
    assert {path.name for path in archives.iterdir()} == pruned
    for job_id in pruned:
        written = read_archive(archives / job_id)
        assert written is not None
        assert written.lines["training_job.jsonl"] == 1
    assert records.ended_after(services.store, None) == services.studies.get("seen")
    # The next one that ends is tidied up, too; one that runs is not.
    seen_study(services, "later")
    assert trial_partitions.archived_trials(services.store, instance, archives, cursor)[0] == []


def test_a_disk_that_is_full_keeps_partition_and_cursor(
    services: Services, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    seen_study(services, "seen")
    instance.add_dynamic_partitions(KEYS, [*jobs_of(services, "seen")])
    (tmp_path / "file").touch()
    assert trial_partitions.archived_trials(services.store, instance, tmp_path / "file" / "archive", None) == ([], "")
