"""The asset of evaluations, the Launchpad job that asks for one, and the sensor that has them shown."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from training_pipeline.app.container import Services
from training_pipeline.backends.local import evaluation as program
from training_pipeline.defs import evaluations as defs
from training_pipeline.defs.evaluations import MOST, make_sensor, to_show
from training_pipeline.defs.partitions import training_job_partitions
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.job import TrainingJob
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.models.promotion.news import Ended
from training_pipeline.models.versions import files
from training_pipeline.models.versions.files import Place
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.models.evaluated import SUITE, make_suite, over, stored_evaluation, unseen
from training_pipeline.testing.trainers.stand_in_evaluation import stand_in_evaluation
from training_pipeline_tests.defs.test_assets import failure
from training_pipeline_tests.defs.test_launchpad import run, run_by, shown

JOB = ("evaluate_model", "evaluate")
ASKED: dict[str, Any] = {"model_name": "triage", "version": 2, "suite": SUITE}
ASSET = dg.AssetKey("model_evaluation")


@pytest.fixture
def job(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingJob:
    """What trained version 2 of the model `triage`, whose folder is here."""
    monkeypatch.setattr(program, "PROGRAM", stand_in_evaluation(right={"tuned": 0.9, "base": 0.1}))
    monkeypatch.setattr(files, "place", lambda *_: Place(tmp_path, str(tmp_path)))
    made = succeeded(services)
    make_suite(services)
    return made


def show(definitions: dg.Definitions, instance: dg.DagsterInstance, job: TrainingJob, **tags: str) -> Any:
    """The run of the asset in the partition of the job."""
    instance.add_dynamic_partitions(str(training_job_partitions.name), [job.id])
    return definitions.resolve_job_def("show_evaluation").execute_in_process(
        instance=instance, partition_key=job.id, raise_on_error=False, tags=tags
    )


def told(instance: dg.DagsterInstance, job: TrainingJob) -> dict[str, Any]:
    """The metadata of the latest materialization of the job's partition."""
    wanted = dg.AssetRecordsFilter(asset_key=ASSET, asset_partitions=[job.id])
    (found,) = instance.fetch_materializations(wanted, limit=1).records
    assert found.asset_materialization is not None
    return {name: value.value for name, value in found.asset_materialization.metadata.items()}


def test_an_evaluation_from_the_launchpad_to_the_asset(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, job: TrainingJob
) -> None:
    early = failure(show(definitions, instance, job))
    assert early.startswith(f"No evaluation of the model of training job {job.id} has ended.")
    done = run(definitions, instance, *JOB, **ASKED, requested_by="grace")
    assert done.success
    (made,) = services.evaluations.of_version("triage", "2")
    assert (made.created_by, made.suite_name, made.judge) == ("grace", SUITE, None)
    answer = shown(done)
    assert (answer["evaluation"], answer["asked"], answer["evaluated"], answer["refused"]) == (made.id, 60, 60, 0)
    assert answer["version_page"].endswith("/train/models/triage/2")
    tags = instance.get_run_by_id(done.run_id).tags  # type: ignore[union-attr]
    assert tags[defs.EVALUATION_TAG] == made.id
    over(services, made)

    with dg.build_sensor_context(instance=instance, resources={"services": services}) as context:
        tick = make_sensor(5)(context)
    assert isinstance(tick, dg.SensorResult)
    (request,) = tick.run_requests or []
    assert (request.run_key, request.partition_key) == (f"{made.id}:0", job.id)
    assert [*(tick.dynamic_partitions_requests or [])[0].partition_keys] == [job.id]
    assert show(definitions, instance, job, **request.tags).success
    seen = told(instance, job)
    assert (seen["model"], seen["model_version"], seen["suite"], seen["evaluation"]) == ("triage", "2", SUITE, made.id)
    assert seen["exact_match"] == pytest.approx(0.9)
    assert "| tuned | exact_match | 0.9 | 0.798" in seen["figures"]
    assert "| tuned over base | exact_match | 0.8 | " in seen["wins_and_losses"]
    assert " | 48 | 0 | 12 |" in seen["wins_and_losses"]
    assert [seen[name] for name in ("asked", "evaluated", "refused", "aged")] == [60, 60, 0, 0]
    assert seen["verdict"] == "none yet: launch promote_model"
    assert seen["version_page"].endswith("/train/models/triage/2")
    said = {message["content"] for pair in unseen(60) for message in pair["messages"]}
    assert not [one for one in said if one in json.dumps(seen)]

    with dg.build_sensor_context(instance=instance, resources={"services": services}, cursor=tick.cursor) as context:
        again = make_sensor(5)(context)
    assert isinstance(again, dg.SensorResult)
    assert not again.run_requests
    assert again.skip_reason is not None
    assert again.skip_reason.skip_message == "Started 0 and checked 0 evaluation(s)."


def test_an_evaluation_that_failed_is_a_failed_run_with_its_cause(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, job: TrainingJob
) -> None:
    records.add(services.store, stored_evaluation(job.id))
    failed = stored_evaluation(job.id, EvaluationStatus.FAILED).model_copy(update={"error": "There is no suite 'x'."})
    records.add(services.store, failed)
    said = failure(show(definitions, instance, job))
    assert said == f"The evaluation {failed.id} on the suite {SUITE} failed: There is no suite 'x'."


def test_what_cannot_be_evaluated_is_a_sentence(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, job: TrainingJob
) -> None:
    for asked, said in (
        ({"suite": "nowhere"}, "There is no suite 'nowhere'"),
        ({"version": "9"}, "9"),
        ({"version": [2]}, "/version"),
        ({"version": True}, "/version"),
        ({"champion": 2}, "cannot be compared with itself"),
        ({"judge": "nobody"}, "nobody"),
        ({"suite": "Not A Name"}, "/suite"),
    ):
        found = failure(run(definitions, instance, *JOB, **{**ASKED, **asked}))
        assert said in found, asked
        assert "Traceback" not in found
    viewer = Caller("eve", Role.VIEWER, "t1")
    assert "requires the role operator" in failure(run_by(viewer, definitions, instance, *JOB, **ASKED))
    assert records.of_jobs(services.store, [job.id]) == []
    grace = Caller("grace", Role.OPERATOR, "t2")
    assert run_by(grace, definitions, instance, *JOB, **ASKED, requested_by="ada").success
    assert [each.created_by for each in records.of_jobs(services.store, [job.id])] == ["grace"]


def test_the_sensor_carries_every_evaluation_on(services: Services) -> None:
    stand_in = SimpleNamespace(
        store=services.store,
        evaluations=SimpleNamespace(settle_all=lambda: 3),
        automatic_evaluations=SimpleNamespace(start_due=lambda: 2),
        promotions=services.promotions,
        approval_tags=services.approval_tags,
    )
    sensor = make_sensor(5)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    with dg.build_sensor_context(resources={"services": stand_in}) as context:
        said = sensor(context)
    assert isinstance(said, dg.SensorResult)
    assert said.skip_reason is not None
    assert said.skip_reason.skip_message == "Started 2 and checked 3 evaluation(s)."


def test_nothing_is_shown_twice_or_forgotten() -> None:
    found = [Ended(f"ev-{number}", "tj-1", "triage", None) for number in range(MOST + 2)]
    first, cursor = to_show(found, None)
    assert first == found[:MOST]
    rest, cursor = to_show(found, cursor)
    assert rest == found[MOST:]
    assert to_show(found, cursor) == ([], cursor)
    decided = Ended("ev-0", "tj-1", "triage", 7)
    due, cursor = to_show([decided, *found[1:]], cursor)
    assert due == [decided]
    assert to_show([], cursor)[1] == json.dumps({"shown": []})  # what is no news any more is not kept
