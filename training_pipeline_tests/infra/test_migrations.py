from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, make_url, text

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.infra import migrations
from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.migrations import migrate
from training_pipeline.testing.servers.postgres import execute

MIGRATE = """
import sys, time
from pydantic import SecretStr
from training_pipeline.infra.database import Database
from training_pipeline.infra.migrations import migrate
database = Database.at(SecretStr(sys.argv[1]))
started = time.process_time()
migrate(database)
print(time.process_time() - started, sorted({"dagster", "mlflow", "alembic"} & set(sys.modules)), sep=";")
"""


@pytest.fixture
def engine(database: Database) -> Engine:
    return database.engine(pooled=False)


def schemas(database: Database) -> dict[str, int]:
    """How many tables each schema of ours has."""
    query = text(
        "SELECT table_schema, count(*) FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') GROUP BY table_schema"
    )
    with database.engine(pooled=False).connect() as connection:
        return dict(connection.execute(query).tuples().all())


def start(database: Database) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MIGRATE, database.url("public")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_three_processes_at_once_migrate_once_and_leave_exactly_three_schemas(
    empty_database: Database, database: Database
) -> None:
    processes = [start(empty_database) for _ in range(3)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert schemas(empty_database) == schemas(database)
    assert set(schemas(database)) == {"training", "dagster", "mlflow"}
    workers = [loaded for loaded in (output.split(";")[1] for output, _ in outputs) if "mlflow" in loaded]
    assert len(workers) == 1


def test_up_to_date_is_known_at_once_and_without_loading_anything_heavy(database: Database) -> None:
    output, errors = start(database).communicate(timeout=60)
    seconds, loaded = output.strip().split(";")
    assert float(seconds) < 0.5
    assert (loaded, errors) == ("[]", "")


def test_a_migration_killed_in_the_middle_is_finished_by_the_next(empty_database: Database) -> None:
    with start(empty_database) as process:
        while not {"dagster_new", "dagster"} & set(schemas(empty_database)):
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    migrate(empty_database)
    assert set(schemas(empty_database)) == {"training", "dagster", "mlflow"}


def test_another_release_upgrades_what_is_there_and_keeps_it(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO mlflow.experiments (name, lifecycle_stage) VALUES ('kept', 'active')"))
        connection.execute(text("INSERT INTO dagster.kvs (key, value) VALUES ('kept', 'x')"))
        connection.execute(text("COMMENT ON SCHEMA training IS 'training_pipeline of last year'"))
    before = schemas(database)
    migrate(database)
    assert schemas(database) == before
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM mlflow.experiments WHERE name = 'kept'")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM dagster.kvs WHERE key = 'kept'")).scalar() == 1
        assert "mlflow-skinny" in str(
            connection.execute(text("SELECT obj_description('training'::regnamespace, 'pg_namespace')")).scalar()
        )


def test_a_database_of_a_newer_release_is_refused_with_advice(database: Database, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE training.alembic_version SET version_num = 'from the future'"))
        connection.execute(text("COMMENT ON SCHEMA training IS 'newer'"))
    with pytest.raises(InvalidRequest, match="newer release"):
        migrate(database)


def test_a_user_who_may_not_create_schemas_is_told_what_to_grant(
    postgres: EmbeddedPostgres, empty_database: Database
) -> None:
    execute(postgres, "CREATE ROLE reader LOGIN PASSWORD 's3cr3t'")
    url = make_url(empty_database.url("public")).set(username="reader", password="s3cr3t")
    with pytest.raises(InvalidRequest, match="GRANT CREATE ON DATABASE") as caught:
        migrate(Database.at(SecretStr(url.render_as_string(hide_password=False))))
    assert "s3cr3t" not in str(caught.value)


def test_the_mark_follows_our_own_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = migrations._expected()
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "0001_x.py").write_text("revision = '0001'")
    monkeypatch.setattr(migrations, "SCRIPTS", tmp_path)
    assert migrations._expected() != before
