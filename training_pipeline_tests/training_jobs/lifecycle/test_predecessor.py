"""Whose split a job keeps, from its creation to its dataset."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import InvalidRequest, Unavailable
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.dagster_runs import create


def ended(services: Services, job: TrainingJob, status: JobStatus = JobStatus.SUCCEEDED) -> TrainingJob:
    queued = services.store.change(prepared(services, job.id), JobStatus.QUEUED, message="Accepted.")
    assert queued is not None
    over = services.store.change(queued, status, message="Over.")
    assert over is not None
    return over


def dataset(job: TrainingJob) -> DatasetRef:
    assert isinstance(job.data.dataset, DatasetRef)
    return job.data.dataset


def trained(job: TrainingJob) -> set[str]:
    manifest = read_manifest(dataset(job))
    return set(manifest.loc[manifest["split"] == "train", "pair_id"])


def test_a_job_follows_the_last_that_succeeded_of_its_sheet_and_model(services: Services) -> None:
    first = create(services)
    assert (first.request.split_predecessor, services.store.events(first.id)[0][0].message) == (None, "Created.")
    ended(services, first, JobStatus.FAILED)
    second = ended(services, create(services, split_seed="a"))
    assert second.request.split_predecessor is None, "the first failed"
    other_model = create(services, model_name="other")
    assert other_model.request.split_predecessor is None
    third = create(services, split_seed="b")
    assert third.request.split_predecessor == second.id
    assert second.id in services.store.events(third.id)[0][-1].message
    third = ended(services, third)
    assert create(services).request.split_predecessor == third.id
    assert services.store.get(third.id).request == third.request


def test_what_was_trained_on_stays_over_generations_and_the_job_says_what_was_kept(
    services: Services, settings: Settings
) -> None:
    first = ended(services, create(services))
    write_sheet(settings.sheets, "small", rows(50)[10:])
    second = ended(services, create(services, split_seed="b"))
    write_sheet(settings.sheets, "small", rows(60))
    third = ended(services, create(services, split_seed="c", train_val_split=0.5))
    everything = {row["pair_id"] for row in rows(60)}
    assert not (trained(first) | trained(second)) & (everything - trained(third))
    kept = dataset(third).report.kept
    assert kept is not None
    assert (kept.job_id, kept.dataset_digest, kept.kept, kept.new) == (second.id, dataset(second).digest, 50, 10)
    (split,) = [event for event in services.store.events(third.id)[0] if event.message.startswith("Split into")]
    assert f"sides of training job {second.id} were kept: 50 pairs kept, 10 new, 0 moved" in split.message
    assert split.data is not None
    assert split.data["kept"]["job_id"] == second.id


def test_a_retry_keeps_the_predecessor_whatever_has_succeeded_since(services: Services) -> None:
    failed = ended(services, create(services), JobStatus.FAILED)
    succeeded = ended(services, create(services))
    again = services.jobs.retry(failed.id, actor="bob")
    assert again.request.split_predecessor is None
    following = ended(services, create(services), JobStatus.FAILED)
    assert following.request.split_predecessor == succeeded.id
    ended(services, create(services))
    assert services.jobs.retry(following.id, actor="bob").request.split_predecessor == succeeded.id
    assert services.jobs.plan_retry(following.id).split.kept is not None
    plan = services.jobs.plan_retry(failed.id)
    assert plan.split.kept is None


def test_a_fresh_split_follows_none_and_warns(services: Services) -> None:
    first = ended(services, create(services))
    fresh = create(services, fresh_split=True)
    assert (fresh.request.split_predecessor, fresh.request.fresh_split) == (None, True)
    assert f"training job {first.id} was trained on" in services.store.events(fresh.id)[0][-1].message
    request = {"training_sheet_id": "small", "model_name": "triage"}
    plan = services.jobs.plan({**request, "fresh_split": True})
    assert {warning.code for warning in plan.warnings} >= {"fresh_split"}
    assert plan.split.kept is None
    kept = services.jobs.plan(request)
    assert kept.split.kept is not None
    assert kept.split.kept.losses_comparable
    assert not {warning.code for warning in kept.warnings} & {"fresh_split", "moved_to_training"}


def test_another_job_may_be_named(services: Services) -> None:
    first = ended(services, create(services))
    ended(services, create(services))
    assert create(services, split_predecessor=first.id, model_name="other").request.split_predecessor == first.id
    failed = ended(services, create(services), JobStatus.FAILED)
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("tj-none", {}, "there is no training job 'tj-none'"),
        (failed.id, {}, "is failed"),
        (first.id, {"fresh_split": True}, "contradicts fresh_split"),
    ]
    for named, extra, told in refused:
        with pytest.raises(InvalidRequest) as refusal:
            create(services, split_predecessor=named, **extra)
        (problem,) = refusal.value.problems
        assert problem.pointer == "/split_predecessor"
        assert told in problem.message


def test_a_predecessor_that_cannot_be_read_is_not_passed_over(services: Services) -> None:
    first = ended(services, create(services))
    shutil.rmtree(dataset(first).path)
    job = create(services)
    with pytest.raises(Unavailable, match="cannot be kept") as refusal:
        prepared(services, job.id)
    assert "fresh_split" in str(refusal.value.hint)
