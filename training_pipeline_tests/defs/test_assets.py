from __future__ import annotations

import hashlib

import dagster as dg
import pytest

from training_pipeline.app.container import Services
from training_pipeline.definitions import build
from training_pipeline.defs.provenance import asset_records
from training_pipeline.domain.job import JobStatus, Phase
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.sheets.files import source as files
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.soak import drawn
from training_pipeline.testing.system.dagster_runs import create, execute, finish, launch
from training_pipeline.testing.system.installation import stand_in_services
from training_pipeline.testing.trainers.local_backend import starts
from training_pipeline.training_jobs.lifecycle.claims import claim, lock_key, release
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.metrics import series

ASSETS = [
    dg.AssetKey(name)
    for name in (
        "source_sheet",
        "prompt_template",
        "canonical_labels",
        "training_sheet",
        "governed_pairs",
        "train_split",
        "validation_split",
        "fine_tuning_run",
        "training_metrics",
        "fine_tuned_model",
    )
]


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The sentence that the failed step shows."""
    data = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert data, "no step failed"
    user = data[0].user_failure_data
    return user.description or "" if user is not None else str(data[0].error)


def checks(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_a_job_goes_from_its_sheet_to_a_registered_model(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job = create(services)
    launched = launch(services, definitions, instance, job)
    assert launched.success
    assert all(checks(instance, launched).values())
    queued = services.store.get(job.id)
    assert queued.status is JobStatus.QUEUED
    assert (queued.data.train_pairs, queued.data.val_pairs, queued.data.achieved_ratio) == (32, 8, 0.8)

    finished = finish(services, definitions, instance, job)
    assert finished.success
    done = services.store.get(job.id)
    assert (done.status, done.result.uc_model_name, done.result.uc_model_version) == (
        JobStatus.SUCCEEDED,
        "triage",
        "1",
    )
    assert done.progress.percent == 100.0
    assert len(series(services.store, job.id)) == 5

    record = lineage.read(services.store, job.id)
    assert record.assets == asset_records(instance, ASSETS, job.id)
    assert set(record.assets) == {key.to_user_string() for key in ASSETS}
    assert record.assets["source_sheet"].data_version == "invoices@v7"
    assert record.assets["training_sheet"].data_version == record.training_sheet_digest
    assert record.model_version == "1"
    assert record.model_files
    assert record.recipe is not None
    assert record.recipe.configuration["epochs"] == job.request.training_config["epochs"]
    (found,) = instance.fetch_materializations(ASSETS[-1], limit=1).records
    assert found.asset_materialization is not None
    shown = found.asset_materialization.metadata
    assert shown["tokenizer"].value == record.recipe.tokenizer_sha256
    assert shown["configuration"].value == record.recipe.configuration
    (measured,) = instance.fetch_materializations(dg.AssetKey("training_metrics"), limit=1).records
    assert measured.asset_materialization is not None
    told = {name: measured.asset_materialization.metadata[name].value for name in ("model", "training_sheet")}
    assert told == {"model": "triage", "training_sheet": f"{done.request.training_sheet_name} (small)"}
    rate = measured.asset_materialization.metadata["learning_rate"].value
    assert rate == pytest.approx(done.request.training_config["learning_rate"])
    tags = services.finalizer.tags(done)
    assert tags["training_pipeline.configuration"] == record.recipe.configuration_digest


def test_provenance_names_the_versions_of_the_job_s_own_sheet(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Two jobs on two sheets, interleaved: each partition's inputs are its own."""
    template = {"id": "other", "name": "Other", "version": "v9"}
    write_sheet(services.settings.sheets, "other", rows(30), prompt_template=template)
    first, second = create(services), create(services, "other")
    launch(services, definitions, instance, first)
    launch(services, definitions, instance, second)
    finish(services, definitions, instance, second)
    finish(services, definitions, instance, first)
    for job, version in ((first, "triage@v2"), (second, "other@v9")):
        found = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey("training_sheet"), asset_partitions=[job.id]), limit=1
        ).records[0]
        assert found.asset_materialization is not None
        # Of partitioned inputs Dagster records a hash of the versions.
        recorded = (found.asset_materialization.tags or {})["dagster/input_data_version/prompt_template"]
        assert recorded == hashlib.sha256(version.encode()).hexdigest()
        assert lineage.read(services.store, job.id).assets["prompt_template"].data_version == version


def test_a_sheet_that_governance_refuses_is_red_with_its_table_and_trains_nothing(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    write_sheet(services.settings.sheets, "phi", rows(40, prohibited_uses=["training"], usage_reason="contains PHI"))
    job = create(services, "phi")
    result = launch(services, definitions, instance, job)
    assert not result.success
    assert checks(instance, result) == {
        "accounting_adds_up": True,
        "enough_pairs": False,
        "no_pair_fails_a_gate": True,
    }
    now = services.store.get(job.id)
    assert now.status is JobStatus.FAILED
    assert "training_prohibited" in (now.error_message or "")
    assert "training_prohibited" in failure(result)
    assert not services.settings.datasets.exists() or not list(services.settings.datasets.iterdir())
    governed = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("governed_pairs")), limit=1
    ).records
    assert governed == []
    assert claim(services.store, Phase.LAUNCH) == []


def test_a_constraint_that_changes_before_the_submit_stops_the_job(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(services)
    look = services.launcher.torn_ties  # what the step does last

    def look_then_change(*arguments: object) -> object:
        found = look(*arguments)  # type: ignore[arg-type]
        pairs = rows(40)
        pairs[3]["prohibited_uses"] = ["training"]
        write_sheet(services.settings.sheets, "small", pairs)
        return found

    monkeypatch.setattr(services.launcher, "torn_ties", look_then_change)
    result = launch(services, definitions, instance, job)
    assert checks(instance, result)["unchanged_since_snapshot"] is False
    now = services.store.get(job.id)
    assert now.status is JobStatus.FAILED
    assert "1 training_prohibited" in (now.error_message or "")
    assert services.backend.find(job.id, job.attempt) is None


def test_a_launch_reads_its_sheet_once_and_anew_before_the_submit(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, opened, done = create(services), list[str](), FileTrainingSheets.open

    def counted(self: FileTrainingSheets, sheet_id: str) -> object:
        opened.append(sheet_id)
        return done(self, sheet_id)

    monkeypatch.setattr(files, "SETTLED_NS", -(10**15))  # no test waits until its file is old
    monkeypatch.setattr(FileTrainingSheets, "open", counted)
    assert launch(services, definitions, instance, job).success
    assert opened == ["small", "small"]


@pytest.mark.soak
@pytest.mark.parametrize("step", drawn(["read_sheet", "judge", "split"]))
def test_a_sheet_that_is_edited_while_a_step_reads_it_is_read_again_and_that_is_no_attempt(
    settings: Settings, database: Database, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with stand_in_services(settings.model_copy(update={"max_attempts": 1}), database) as services:
        write_sheet(settings.sheets, "small", rows(40))
        definitions = build(settings, lambda: services)
        job = create(services)
        done, edits = getattr(services.launcher, step), iter(range(41, 100))

        def then_somebody_edits(*arguments: object) -> object:
            found = done(*arguments)
            write_sheet(settings.sheets, "small", rows(next(edits)))
            return found

        monkeypatch.setattr(services.launcher, step, then_somebody_edits)
        assert not launch(services, definitions, instance, job).success
        now = services.store.get(job.id)
        assert (now.status, now.launch.attempt, now.launch.uncounted) == (JobStatus.PENDING, 1, 1)
        assert "was changed while it was read" in services.store.events(job.id)[0][0].message
        monkeypatch.undo()
        write_sheet(settings.sheets, "small", rows(50))
        services.store.update(job.id, {"launch_after": None})
        assert launch(services, definitions, instance, job).success
        queued = services.store.get(job.id)
        assert (queued.status, queued.data.train_pairs) == (JobStatus.QUEUED, 40)
        assert finish(services, definitions, instance, job).success


def test_a_run_by_hand_says_what_to_do_and_breaks_nothing(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job = create(services)
    instance.add_dynamic_partitions("training_job", [job.id])
    result = definitions.resolve_job_def("launch_training").execute_in_process(
        instance=instance, partition_key=job.id, raise_on_error=False
    )
    assert not result.success
    assert "create_training_job" in failure(result)
    assert services.store.get(job.id) == job


def test_the_partition_of_a_finished_job_is_never_trained_again(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job = create(services)
    launch(services, definitions, instance, job)
    finish(services, definitions, instance, job)
    done = services.store.get(job.id)
    for phase in Phase:
        result = execute(definitions, instance, phase, done)
        assert not result.success
        assert f"Training job {job.id} has ended (succeeded)" in failure(result)
        assert "retry_training_job" in failure(result)
    assert services.store.get(job.id).model_copy(update={"updated_at": done.updated_at}) == done


def test_a_failed_training_ends_in_a_red_finish_run_with_its_cause(
    settings: Settings, database: Database, instance: dg.DagsterInstance
) -> None:
    with stand_in_services(settings, database, hang_at_step=1) as services:
        write_sheet(settings.sheets, "small", rows(40))
        definitions = build(settings, lambda: services)
        job = create(services, training_config={"timeout_minutes": 0.01})
        launch(services, definitions, instance, job)
        result = finish(services, definitions, instance, job)
        now = services.store.get(job.id)
        assert now.status is JobStatus.TIMEOUT
        assert not result.success
        assert now.error_message
        assert now.error_message in failure(result)
        assert now.finalize.done_at is not None


def test_a_job_whose_launch_died_after_the_submit_is_taken_up_and_submitted_once(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Death between the backend's reply and the stored handle; then the sheet changes before the next attempt."""
    job = create(services)
    submit = services.backend.submit

    def submit_then_die(submission: object) -> object:
        submit(submission)  # type: ignore[arg-type]
        raise ConnectionError("killed here")

    monkeypatch.setattr(services.backend, "submit", submit_then_die)
    launch(services, definitions, instance, job)
    died = services.store.get(job.id)
    assert (died.status, died.launch.attempt) == (JobStatus.PENDING, 1)
    monkeypatch.undo()
    write_sheet(services.settings.sheets, "small", rows(60))
    services.store.update(job.id, {"launch_after": None})
    assert launch(services, definitions, instance, job).success
    assert finish(services, definitions, instance, job).success
    done = services.store.get(job.id)
    assert (done.status, done.data.train_pairs) == (JobStatus.SUCCEEDED, 32)
    run = services.backend._runs.of(job.id, job.attempt)  # type: ignore[attr-defined]
    assert len(starts(run)) == 1
    assert "Reattached" in " ".join(event.message for event in services.store.events(job.id)[0])


def test_a_cancel_before_the_submit_is_final(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job = create(services)
    claimed = claim(services.store, Phase.LAUNCH)[0]
    services.jobs.cancel(job.id, actor="ada", reason="wrong sheet")
    result = execute(definitions, instance, Phase.LAUNCH, claimed)
    assert not result.success
    assert services.store.get(job.id).status is JobStatus.CANCELLED
    assert services.backend.find(job.id, job.attempt) is None


def test_a_second_run_of_a_live_attempt_is_turned_away_and_leaves_the_job_alone(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """As when somebody re-executes, in the UI, a launch run that is still at work."""
    job = create(services)
    claimed = claim(services.store, Phase.LAUNCH)[0]
    with advisory_lock.hold(services.database, lock_key(Phase.LAUNCH, job.id)):
        result = execute(definitions, instance, Phase.LAUNCH, claimed)
    assert not result.success
    assert "Another run is already working" in failure(result)
    assert services.store.get(job.id) == claimed


def test_a_superseded_attempt_is_turned_away_and_leaves_the_job_alone(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job = create(services)
    first = claim(services.store, Phase.LAUNCH)[0]
    release(services.store, Phase.LAUNCH, job.id, 1, why="its lock was lost")
    services.store.update(job.id, {"launch_after": None})
    second = claim(services.store, Phase.LAUNCH)[0]
    result = execute(definitions, instance, Phase.LAUNCH, first)
    assert "superseded" in failure(result)
    assert services.store.get(job.id) == second
    assert execute(definitions, instance, Phase.LAUNCH, second).success
