"""The tag that a deployment job's approval waits for: set with the promotion, or after the outage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.domain.model_version import Check, Outcome, Standing, VersionState
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
from training_pipeline.models.promotion import records
from training_pipeline.models.promotion.approval_tags import ApprovalTags
from training_pipeline.models.promotion.promote import Promotions
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.training_jobs.store import lineage
from training_pipeline_tests.models.promotion.test_promote import FILES, GATE, evaluate

TAG = "approval_check"


@pytest.fixture
def services(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """An installation that tags what is promoted, whose model `triage` has two versions that the gate lets."""
    clean = (Check(name="rows", outcome=Outcome.PASS, message="All of them."),)
    monkeypatch.setattr(ModelVersions, "verify", lambda *_: clean)
    tagging = settings.model_copy(update={"deployment_approval_tag": TAG})
    with scripted_services(tagging, database, ScriptedBackend()) as parts:
        client = tracking(parts).client
        client.create_registered_model("triage")
        first, _ = succeeded(parts), succeeded(parts)
        lineage.set_model(parts.store, first.id, version="1", files=FILES)
        for version, right in (("1", 36), ("2", 60)):
            client.create_model_version("triage", "file:///nowhere")
            evaluate(parts, version, right, tmp_path)
        yield parts


@pytest.fixture
def promotions(services: Services) -> Promotions:
    return services.promotions


def tracking(services: Services) -> Tracking:
    assert isinstance(services.tracking, Tracking)
    return services.tracking


def approved(services: Services) -> dict[str, str | None]:
    """The tag of each version."""
    client = tracking(services).client
    return {version: client.get_model_version("triage", version).tags.get(TAG) for version in ("1", "2")}


def promote(promotions: Promotions, version: str, alias: str = "champion") -> None:
    assert promotions.promote("triage", version, alias, gate=GATE, actor="ada").moved_at is not None


def test_what_is_promoted_to_the_alias_is_approved(services: Services, promotions: Promotions) -> None:
    promote(promotions, "2", "challenger")
    assert approved(services) == {"1": None, "2": None}
    promote(promotions, "1")
    assert approved(services) == {"1": "Approved", "2": None}
    tracking(services).client.set_model_version_tag("triage", "1", TAG, "Rejected")
    assert services.approval_tags.write_due() == 0  # what somebody says later stands
    assert approved(services)["1"] == "Rejected"


def test_what_an_outage_kept_back_follows(
    services: Services, promotions: Promotions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any) -> None:
        raise RuntimeError("away")

    with monkeypatch.context() as patch:
        patch.setattr(tracking(services), "tag_version", away)
        promote(promotions, "1")  # the alias is moved all the same
        assert services.approval_tags.write_due() == 0
    assert "triage version 1 could not be tagged as approved" in caplog.text
    assert approved(services)["1"] is None
    assert (services.approval_tags.write_due(), services.approval_tags.write_due()) == (1, 0)
    assert approved(services)["1"] == "Approved"
    with services.store.begin() as connection:
        connection.execute(
            text("UPDATE promotions SET approval_tagged_at = NULL, moved_at = moved_at - interval '8 days'")
        )
    assert services.approval_tags.write_due() == 0


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_move_that_nobody_lived_to_note_is_approved(
    services: Services, promotions: Promotions, monkeypatch: pytest.MonkeyPatch, is_moved: bool
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(records, "moved", die)
        if not is_moved:
            patch.setattr(type(services.versions._aliases), "move", die)
        with pytest.raises(KeyboardInterrupt):
            promotions.promote("triage", "1", "champion", gate=GATE, actor="ada")
    assert services.approval_tags.write_due() == 0
    with advisory_lock.hold(services.database, "alias triage champion"):
        assert promotions.note_moves() == 0  # whoever decides may be about to note it
    assert [promotions.note_moves() for _ in range(2)] == [int(is_moved), 0]
    assert services.approval_tags.write_due() == int(is_moved)
    assert approved(services)["1"] == ("Approved" if is_moved else None)
    assert (promotions.of_model("triage")[0].moved_at is not None) is is_moved


@pytest.mark.parametrize("meanwhile", ["tainted", "rolled back", "replaced", "moved behind us"])
def test_what_is_in_use_no_more_is_not_approved(
    services: Services, promotions: Promotions, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ApprovalTags, "write_due", lambda *_: 0)
        promote(promotions, "1")
        if meanwhile == "rolled back":
            promotions.roll_back("triage", "champion", reason="r", actor="ada")
        elif meanwhile == "replaced":
            promote(promotions, "2")
    if meanwhile == "moved behind us":
        tracking(services).set_alias("triage", "champion", "2")
    elif meanwhile == "tainted":
        tainted = Standing(state=VersionState.TAINTED, reasons=())
        monkeypatch.setattr(services.versions, "_standings", lambda ids: dict.fromkeys(ids, tainted))
    services.approval_tags.write_due()
    assert approved(services) == {"1": None, "2": "Approved" if meanwhile == "replaced" else None}


def test_nothing_is_tagged_where_no_tag_is_set(services: Services, promotions: Promotions) -> None:
    silent = ApprovalTags(
        services.store, services.tracking, services.versions._aliases, services.versions, None, "champion"
    )
    promote(promotions, "1")
    with services.store.begin() as connection:
        connection.execute(text("UPDATE promotions SET approval_tagged_at = NULL"))
    assert silent.write_due() == 0
    assert services.approval_tags.write_due() == 1


def test_what_may_be_the_tag(settings: Settings) -> None:
    fields = Settings.model_fields
    assert fields["deployment_approval_tag"].default is None
    for wrong in ("a b", "a.b", "a-b", "a:b", "a/b", "a=b", ""):
        with pytest.raises(ValueError, match="deployment_approval_tag"):
            Settings(deployment_approval_tag=wrong)
    assert Settings(deployment_approval_tag="Approval_Check").deployment_approval_tag == "Approval_Check"
