"""A proposed retrain is launched once, and anew where that job came to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services, assemble
from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.domain.revocations import Revoked
from training_pipeline.infra.database import Database
from training_pipeline.models.revocations.retrains import Retrains
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.polling import until
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store import retrain_turn


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    write_sheet(settings.sheets, "small", rows(40))
    parts = assemble(settings, database, backend=ScriptedBackend())
    yield parts
    parts.store.engine.dispose()


def launch(services: Services) -> TrainingJob:
    return services.retrains.launch("triage", "2", actor="ada")


def test_one_job_however_often_it_is_asked_for(services: Services) -> None:
    with pytest.raises(NotFound):
        launch(services)
    job = succeeded(services)
    assert services.retrains.of("triage", "2") is None
    with pytest.raises(Conflict, match="not tainted"):
        launch(services)
    services.revocations.revoke(Revoked(kind="item", value="item-0007"), reason="r", actor="grace")
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: launch(services).id, range(4)))
    assert len(set(found)) == 1
    assert services.store.list()[1] == 2, "no other job was left behind"
    retrain = services.store.get(found[0])
    assert (retrain.created_by, retrain.data.eligible_pairs) == ("ada", 39)
    assert retrain.request.requested_config == job.request.requested_config
    assert job.id in services.store.events(retrain.id)[0][0].message
    assert retrain.id in services.store.events(job.id)[0][0].message
    proposal = services.retrains.of("triage", "2")
    assert proposal is not None
    assert (proposal.launched_job_id, proposal.launched_by) == (retrain.id, "ada")
    # Another revocation renews the proposal, and the job that is under way still answers it.
    services.revocations.revoke(Revoked(kind="item", value="item-0008"), reason="r", actor="grace")
    assert launch(services).id == retrain.id
    services.jobs.cancel(retrain.id, actor="ada", reason="wrong day")
    again = launch(services)
    assert again.id != retrain.id
    assert again.data.eligible_pairs == 38


def test_a_person_and_the_schedule_take_turns(services: Services) -> None:
    succeeded(services)
    services.revocations.revoke(Revoked(kind="item", value="item-0007"), reason="r", actor="grace")
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")

    def waits() -> bool:
        with services.store.begin() as connection:
            return bool(connection.execute(waiting).scalar_one())

    with ThreadPoolExecutor(1) as threads:
        with services.store.begin() as schedule:
            retrain_turn.take(schedule, "small", "triage")
            launched = threads.submit(launch, services)
            until(waits, what="the launch to wait for its turn")
            assert services.store.list()[1] == 1
        assert launched.result(60).request.model_name == "triage"


def test_what_it_takes_is_told_before_it_is_launched(services: Services) -> None:
    job = succeeded(services)
    services.revocations.revoke(Revoked(kind="item", value="item-0007"), reason="r", actor="grace")
    proposal = services.retrains.of("triage", "2")
    assert proposal is not None
    found = services.retrains.estimate(proposal)
    assert found.cost.reason == "there is no price list: set TRAINING_PIPELINE_PRICE_FILE"
    asked: list[tuple[int, int]] = []

    def estimate(_: object, *, train_pairs: int, validation_pairs: int) -> Estimate:
        asked.append((train_pairs, validation_pairs))
        raise InvalidRequest("The base model is not offered.")

    told = Retrains(services.store, cast("JobService", SimpleNamespace(estimate=estimate))).estimate(proposal)
    assert (told.time.reason, told.cost.middle) == ("The base model is not offered.", None)
    dataset = required(job.data.dataset, "dataset")
    assert sum(asked[0]) == dataset.train_pairs + dataset.validation_pairs - 1


def test_a_version_that_was_tainted_by_an_earlier_release_has_a_proposal_when_it_is_asked_for(
    services: Services,
) -> None:
    succeeded(services)
    services.revocations.revoke(Revoked(kind="item", value="item-0007"), reason="r", actor="grace")
    with services.store.begin() as connection:
        connection.exec_driver_sql("DELETE FROM retrain_proposals")
    found = services.retrains.of("triage", "2")
    assert found is not None
    assert (found.train or 0) + (found.validation or 0) == 1
