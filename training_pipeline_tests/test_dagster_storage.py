"""A plain `dagster dev` in the clone finds its database by itself."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml
from pydantic import SecretStr

from training_pipeline.dagster_storage import URL_VARIABLE, OurStorage
from training_pipeline.database import Database
from training_pipeline.defs.partitions import JOB_TAG, PHASE_TAG
from training_pipeline.migrations import is_migrated
from training_pipeline.training_jobs.claims import Phase

CLONE = Path(__file__).parent.parent


@pytest.fixture(params=["stated", "found"])
def url(
    request: pytest.FixtureRequest, database: Database, database_url: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The database as `up` states it, or as the settings know it."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    if request.param == "stated":
        monkeypatch.setenv(URL_VARIABLE, database.url("dagster"))
    else:
        monkeypatch.setenv("TRAINING_PIPELINE_DATABASE_URL", database_url.get_secret_value())
    return database.url("dagster")


def test_dagster_keeps_its_runs_in_our_database(url: str, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((CLONE / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_runs() == []
        storage = instance.get_ref().storage
        assert isinstance(storage, OurStorage)
        assert storage.postgres_url == url
        # What it hands to code servers and run workers leads them to the same place, and holds no password.
        assert url not in repr(instance.get_ref())


def test_runs_are_limited_by_the_tags_that_they_carry() -> None:
    limits = yaml.safe_load((CLONE / "dagster.yaml").read_text())["concurrency"]["runs"]["tag_concurrency_limits"]
    assert {limit["key"] for limit in limits} == {JOB_TAG, PHASE_TAG}
    assert next(limit for limit in limits if limit["key"] == PHASE_TAG)["value"] == Phase.LAUNCH


def test_what_is_not_there_yet_is_made(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("TRAINING_PIPELINE_DATABASE_URL", empty_database.url("public"))
    (tmp_path / "dagster.yaml").write_text((CLONE / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)):
        assert is_migrated(empty_database)
