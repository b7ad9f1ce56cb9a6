"""What there is to show: evaluations that have ended, and decisions that rest on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus
from training_pipeline.models.promotion import news
from training_pipeline.models.promotion import records as promotions
from training_pipeline.models.promotion.records import PromotionKind
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.models.evaluated import stored_evaluation
from training_pipeline.testing.system.installation import scripted_services


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    with scripted_services(settings, database, ScriptedBackend()) as parts:
        yield parts


@pytest.fixture
def job_id(services: Services) -> str:
    return succeeded(services).id


def decide(services: Services, evaluation: Evaluation) -> int:
    decision = {"verdict": "ship", "findings": []}
    values = {"model_name": "triage", "alias": "champion", "model_version": "2", "evaluation_id": evaluation.id}
    return promotions.add(
        services.store,
        kind=PromotionKind.PROMOTE,
        previous_version=None,
        gate=None,
        decision=decision,
        reason="r",
        actor="ada",
        **values,
    ).number


def test_each_end_and_each_decision_is_news_once(services: Services, job_id: str) -> None:
    store = services.store
    assert (news.ended(store), news.latest(store, job_id)) == ([], None)
    done = records.add(store, stored_evaluation(job_id))
    failed = records.add(store, stored_evaluation(job_id, EvaluationStatus.FAILED))
    for left_out in (
        {"status": EvaluationStatus.RUNNING, "finished_at": None},
        {"model_version": "", "suite_name": "s"},
    ):
        records.add(store, stored_evaluation(job_id).model_copy(update=left_out))
    assert {each.key for each in news.ended(store)} == {f"{done.id}:0", f"{failed.id}:0"}
    assert news.decision_on(store, done) is None
    first = decide(services, done)
    assert {each.key for each in news.ended(store)} == {f"{done.id}:{first}", f"{failed.id}:0"}
    second = decide(services, done)
    assert f"{done.id}:{second}" in {each.key for each in news.ended(store)}
    decided = news.decision_on(store, done)
    assert decided is not None
    assert (decided.number, news.decision_on(store, failed)) == (second, None)
    newest = news.latest(store, job_id)
    assert newest is not None
    assert newest.id == failed.id
    assert news.latest(store, job_id, done.id) == records.get(store, done.id)
    assert news.latest(store, job_id, "ev-of-another-job") is None


def test_what_is_old_is_no_news_until_something_is_decided_by_it(services: Services, job_id: str) -> None:
    done = records.add(services.store, stored_evaluation(job_id))
    with services.store.begin() as connection:
        past = {"past": news.NEWS + timedelta(hours=1)}
        connection.execute(
            text("UPDATE model_evaluations SET finished_at = finished_at - CAST(:past AS interval)"), past
        )
    assert news.ended(services.store) == []
    number = decide(services, done)
    assert [each.key for each in news.ended(services.store)] == [f"{done.id}:{number}"]
