"""A proposed retrain is launched without a click where the training sheet asks for that, and only there."""

from __future__ import annotations

from typing import Any

from training_pipeline.app.container import Services
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations.automatic_retrains import ACTOR
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet


def opt(services: Services, **block: Any) -> None:
    write_sheet(services.settings.sheets, "small", rows(40), metadata={"retraining": {"model_name": "triage", **block}})


def revoke(services: Services, item: str) -> None:
    services.revocations.revoke(Revoked(kind="item", value=item), reason="r", actor="grace")


def test_it_is_launched_at_once_where_the_sheet_opted_in_whatever_its_days(services: Services) -> None:
    opt(services, when_tainted="launch", min_days=30)
    job = succeeded(services)
    assert services.automatic_retrains.launch_due() == []
    revoke(services, "item-0007")
    (launched,) = services.automatic_retrains.launch_due()
    assert services.automatic_retrains.launch_due() == []
    retrain = services.store.get(launched)
    assert (retrain.created_by, retrain.data.eligible_pairs) == (ACTOR, 39)
    assert launched in services.store.events(job.id)[0][0].message
    # Cancelled by a person: it waits for one again.
    services.jobs.cancel(launched, actor="ada", reason="not now")
    assert services.automatic_retrains.launch_due() == []


def test_without_that_it_waits_for_a_click(services: Services) -> None:
    for block in ({}, {"when_tainted": "launch", "model_name": "another"}):
        opt(services, **block)
        succeeded(services)
        revoke(services, "item-0003")
        assert services.automatic_retrains.launch_due() == []
