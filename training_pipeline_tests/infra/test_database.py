from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DataError

from training_pipeline.domain.errors import InvalidRequest, Unavailable
from training_pipeline.infra.database import Database, open_database, stop_embedded
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.settings import Settings
from training_pipeline.testing.servers.postgres import url_of


def at(url: str) -> Database:
    return Database.at(SecretStr(url))


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_every_way_to_write_the_scheme_means_the_same_driver(scheme: str) -> None:
    database = at(f"{scheme}://user:secret@db.example.org:6432/orders?sslmode=require")
    assert database.url("dagster").startswith("postgresql://user:secret@db.example.org:6432/orders?")
    assert make_url(database.url("dagster")).query["sslmode"] == "require"
    assert database.engine().url.drivername == "postgresql+psycopg2"
    assert str(database) == "orders on db.example.org:6432"


@pytest.mark.parametrize("url", ["postgresql://user@/orders?host=/run/pg", "postgresql://user@%2Frun%2Fpg/orders"])
def test_a_socket_directory_can_be_written_both_ways(url: str) -> None:
    assert at(url).location == "orders on /run/pg"
    assert make_url(at(url).url("training")).query["host"] == "/run/pg"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://user:hunter2@host/db", "scheme is 'mysql'"),
        ("postgresql+psycopg://user:hunter2@host/db", "scheme is 'postgresql+psycopg'"),
        ("hunter2", "not a database URL"),
        ("postgresql://user:hunter2@host:port/db", "not a database URL"),
        ("postgresql://user:hunter2@host", "names no database"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match="TRAINING_PIPELINE_DATABASE_URL") as caught:
        at(url)
    assert problem in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1))
def test_any_password_reaches_the_driver_and_is_never_shown(password: str) -> None:
    marked = f"s3cr3t{password}"
    database = at(URL.create("postgresql", "user", marked, "host", 1, "db").render_as_string(hide_password=False))
    assert make_url(database.url("mlflow")).password == marked
    assert "s3cr3t" not in f"{database!r} {database} {database.engine()!r}"


def test_a_password_given_as_a_parameter_is_hidden_as_well() -> None:
    database = at("postgresql://user@host/db?password=s3cr3t")
    assert make_url(database.url("training")).password == "s3cr3t"
    assert "s3cr3t" not in f"{database!r} {database} {database.engine()!r}"


def test_each_schema_is_found_and_options_of_the_user_are_kept(postgres: EmbeddedPostgres) -> None:
    database = at(url_of(postgres).get_secret_value() + "&options=-cstatement_timeout%3D4321")
    with database.engine("mlflow", pooled=False).connect() as connection:
        assert connection.execute(text("SHOW search_path")).scalar_one() == "mlflow"
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "4321ms"


def test_a_connection_asks_for_no_type_that_no_table_has(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("psycopg2.extras.HstoreAdapter.get_oids", asked)
    at(url_of(postgres).get_secret_value()).check()


def test_nobody_listening_is_one_clear_message() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        database = at(f"postgresql://user:s3cr3t@127.0.0.1:{port}/orders")
        with pytest.raises(Unavailable) as caught:
            open_database(Settings(database_url=SecretStr(f"postgresql://user:s3cr3t@127.0.0.1:{port}/orders")))
        with pytest.raises(Unavailable), database.engine().connect():
            pass
    message = str(caught.value)
    assert f"orders on 127.0.0.1:{port} does not answer" in message
    assert "TRAINING_PIPELINE_DATABASE_URL" in message
    assert "s3cr3t" not in message


def test_a_server_that_never_answers_is_given_up_after_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            at(f"postgresql://user@127.0.0.1:{silent.getsockname()[1]}/orders?connect_timeout=2").check()
        assert time.monotonic() - started < 4


def test_a_missing_database_is_named(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(Unavailable, match='database "nowhere" does not exist'):
        Database.at(url_of(postgres, "nowhere")).check()


def test_values_of_a_failed_statement_stay_out_of_its_error(database: Database) -> None:
    with database.engine(pooled=False).connect() as connection, pytest.raises(DataError) as caught:
        connection.execute(text("SELECT 1 / length(:empty), :text"), {"empty": "", "text": "a patient's question"})
    assert "patient" not in str(caught.value)


def test_the_embedded_server_is_opened_found_and_stopped(state_dir: Path) -> None:
    settings = Settings(state_dir=state_dir)
    first = open_database(settings)
    assert open_database(settings) == first
    assert stop_embedded(settings) is True
    assert stop_embedded(settings) is False
    with pytest.raises(Unavailable):
        first.check()


def test_a_database_given_by_url_is_never_stopped(settings: Settings) -> None:
    database = open_database(settings)
    assert stop_embedded(settings) is False
    database.check()
