"""A plain `dagster dev` in the clone finds its database by itself."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_postgres import PostgresRunStorage
from pydantic import SecretStr
from sqlalchemy import text

from training_pipeline.defs.partitions import JOB_TAG, PHASE_TAG
from training_pipeline.domain.job import Phase
from training_pipeline.infra.dagster_storage import URL_VARIABLE, OurStorage
from training_pipeline.infra.database import Database
from training_pipeline.infra.migrations import is_migrated
from training_pipeline.testing.polling import until

CLONE = Path(__file__).parents[2]


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


def backend_of(instance: dg.DagsterInstance) -> int:
    """The process of the server that answers the instance now."""
    storage = instance.run_storage
    assert isinstance(storage, PostgresRunStorage)
    with storage.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def connections(database: Database) -> set[int]:
    with database.engine(pooled=False).connect() as connection:
        others = (
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return set(connection.execute(text(others)).scalars())


def test_a_process_keeps_its_connections_from_instance_to_instance(
    url: str, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "dagster.yaml").write_text((CLONE / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        first = backend_of(instance)
        until(lambda: connections(database) == {first}, what="the end of those that made the tables")
        for _ in range(3):
            instance.get_runs()
            instance.all_instigator_state()
            instance.get_latest_materialization_event(dg.AssetKey("fine_tuned_model"))
            assert backend_of(instance) == first
        until(lambda: connections(database) == {first}, what="no other connection")
    with dg.DagsterInstance.from_config(str(tmp_path)) as again:
        again.get_runs()
        assert backend_of(again) == first


def test_connections_lost_with_the_server_are_made_anew(url: str, database: Database, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((CLONE / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        lost = backend_of(instance)
        with database.engine(pooled=False).begin() as connection:
            assert connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": lost}).scalar()
        assert instance.get_runs() == []
        assert backend_of(instance) != lost


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
