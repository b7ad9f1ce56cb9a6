"""One PostgreSQL a session, a migrated template in it, and a database of its own for every test that asks for one."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from pydantic import SecretStr
from sqlalchemy import NullPool, create_engine

from training_pipeline.infra import file_lock
from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import DATABASE, EmbeddedPostgres
from training_pipeline.infra.migrations import migrate
from training_pipeline.settings import PREFIX, Settings
from training_pipeline_tests.databricks_workspace.mlflow import MlflowServer

_numbers = itertools.count()
PREFIX_OF_DIRECTORIES = "tp-"

# How long an example takes says how busy the machine is, and nothing about the code.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files first, so that of several workers none is left with a long one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """A temporary directory in which the system user that runs PostgreSQL for root can reach what it owns."""
    directory = Path(tempfile.mkdtemp(prefix=PREFIX_OF_DIRECTORIES, dir="/tmp"))
    directory.chmod(0o711)
    with file_lock.hold(directory / "in-use"):
        try:
            yield directory
        finally:
            shutil.rmtree(directory)  # under the lock, or the sweep of another session would remove it as well


def sweep() -> None:
    """Stop the servers of test sessions that were killed, and remove their directories."""
    for lock in Path("/tmp").glob(f"{PREFIX_OF_DIRECTORIES}*/in-use"):
        if lock.stat().st_uid == os.geteuid() and not file_lock.is_held(lock):
            for pid_file in lock.parent.rglob("postmaster.pid"):
                EmbeddedPostgres(pid_file.parent.parent).stop()
            shutil.rmtree(lock.parent, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


@pytest.fixture(scope="session")
def prepared() -> Iterator[EmbeddedPostgres]:
    """A stopped server whose database is migrated; what stands on a copy of its data starts in no time."""
    sweep()
    with reachable_directory() as directory:
        server = EmbeddedPostgres(directory / "postgres")
        server.start()
        for unsafe in ("fsync", "full_page_writes"):  # a power cut is not tested, a killed server is
            execute(server, f"ALTER SYSTEM SET {unsafe} = off")
        execute(server, "SELECT pg_reload_conf()")
        migrate(Database.at(url_of(server)))
        server.stop()
        yield server


def copy_of(prepared: EmbeddedPostgres, directory: Path) -> EmbeddedPostgres:
    """A server in `directory` that was not started yet, with the data of the prepared one."""
    directory.mkdir(mode=0o700)
    shutil.copytree(prepared.data, directory / "data", symlinks=True)
    return EmbeddedPostgres(directory)


@pytest.fixture
def state_dir(prepared: EmbeddedPostgres) -> Iterator[Path]:
    """A state directory with a PostgreSQL of its own, migrated and not started; it is stopped after the test."""
    with reachable_directory() as directory:
        (directory / "state").mkdir(mode=0o711)
        server = copy_of(prepared, directory / "state" / "postgres")
        yield directory / "state"
        server.stop()


@pytest.fixture(scope="session")
def postgres(prepared: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """The session's server. Its own database is the template of the tests' databases: nobody writes to it."""
    with reachable_directory() as directory:
        server = copy_of(prepared, directory / "postgres")
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def empty_database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """A database of the test's own, without any schema of ours."""
    with _cloned(postgres, "template0") as url:
        yield Database.at(url)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[SecretStr]:
    """The URL of a migrated database of the test's own."""
    with _cloned(postgres, DATABASE) as url:
        yield url


@pytest.fixture
def database(database_url: SecretStr) -> Database:
    """A migrated database of the test's own."""
    return Database.at(database_url)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One MLflow for all Databricks workspaces of the session; it is started in the background."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def settings(database_url: SecretStr, tmp_path: Path) -> Settings:
    """Settings with a state directory of the test's own, and its own migrated database."""
    return Settings(state_dir=tmp_path / "state", database_url=database_url)


def url_of(server: EmbeddedPostgres, database: str = DATABASE) -> SecretStr:
    """The URL of one of the server's databases, as a user would set it."""
    return SecretStr(server.url(database).set(drivername="postgresql").render_as_string(hide_password=False))


def execute(server: EmbeddedPostgres, statement: str) -> None:
    """Run one statement outside a transaction."""
    engine = create_engine(server.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def _cloned(server: EmbeddedPostgres, template: str) -> Iterator[SecretStr]:
    name = f"test_{next(_numbers)}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield url_of(server, name)
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")
