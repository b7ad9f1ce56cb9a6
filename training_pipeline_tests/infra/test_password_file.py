"""A password that expires: made by a command, read by libpq, and never shown. On a real PostgreSQL that asks for it."""

from __future__ import annotations

import errno
import json
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text

from training_pipeline.cli.system.password_watch import PasswordWatch
from training_pipeline.domain.errors import InvalidRequest, Unavailable
from training_pipeline.infra import dagster_storage
from training_pipeline.infra.database import Database, open_database
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.password_file import EARLY, PasswordFile
from training_pipeline.settings import Settings

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Issuer:
    """What the command prints, and who asked: it writes a line each time."""

    def __init__(self, folder: Path) -> None:
        self._answer, self._asked = folder / "answer.json", folder / "asked"
        script = folder / "issue.sh"
        script.write_text(f'#!/bin/sh\necho once >> "{self._asked}"\ncat "{self._answer}"\n')
        script.chmod(0o700)
        self.command = str(script)

    def issues(self, password: str, until: datetime) -> None:
        self._answer.write_text(json.dumps({"password": password, "expires_at": until.isoformat()}))

    def refuses(self) -> None:
        self._answer.unlink()

    @property
    def times(self) -> int:
        return len(self._asked.read_text().splitlines()) if self._asked.exists() else 0


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


@pytest.fixture
def passwords(issuer: Issuer, tmp_path: Path) -> PasswordFile:
    return PasswordFile(tmp_path / "state" / "database.pgpass", issuer.command, lambda: NOW)


def test_a_password_that_cannot_be_written_leaves_the_one_that_is_valid(
    issuer: Issuer, passwords: PasswordFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    issuer.issues("first", NOW + timedelta(minutes=10))
    with monkeypatch.context() as patched:
        patched.setattr("training_pipeline.infra.password_file.new_private_file", full)
        with pytest.raises(Unavailable, match=r"cannot be written to .*: No space left"):
            passwords.refresh()
    passwords.refresh()
    before = passwords.content()
    monkeypatch.setattr("training_pipeline.infra.password_file.new_private_file", full)
    passwords.refresh()  # it expires soon, and is valid
    with pytest.raises(Unavailable, match="No space left"):
        passwords.refresh(rejected=before)
    assert passwords.content() == before


def test_a_password_is_made_once_and_anew_before_it_expires(issuer: Issuer, passwords: PasswordFile) -> None:
    issuer.issues("a:b\\c", NOW + timedelta(hours=1))
    for _ in range(3):
        passwords.refresh()
    assert issuer.times == 1
    assert passwords.content().splitlines()[1] == "*:*:*:*:a\\:b\\\\c"
    assert stat.S_IMODE(passwords.path.stat().st_mode) == 0o600  # libpq reads no other
    issuer.issues("next", NOW + timedelta(hours=2))
    at = [NOW + timedelta(hours=1) - EARLY - timedelta(seconds=1), NOW + timedelta(hours=1) - EARLY]
    for times, now in enumerate(at, start=1):
        replace(passwords, now=partial(_same, now)).refresh()
        assert issuer.times == times


def _same(moment: datetime) -> datetime:
    return moment


def test_one_that_is_valid_stays_where_no_other_is_to_be_had(issuer: Issuer, passwords: PasswordFile) -> None:
    issuer.issues("only", NOW + EARLY - timedelta(seconds=1))
    passwords.refresh()
    issuer.refuses()
    passwords.refresh()
    assert issuer.times == 2
    assert "only" in passwords.content()
    with pytest.raises(Unavailable, match=r"made none: it ended with exit code 1: cat: .*answer\.json"):
        replace(passwords, now=lambda: NOW + EARLY).refresh()


def test_what_a_command_prints_is_not_repeated(issuer: Issuer, passwords: PasswordFile, tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text("hunter2, valid for ever")
    with pytest.raises(Unavailable) as refused:
        passwords.refresh()
    assert "hunter2" not in f"{refused.value} {refused.value.hint}"
    with pytest.raises(Unavailable, match="cannot be started"):
        replace(passwords, command="/nowhere/command").refresh()
    issuer.issues("hunter2", datetime(2027, 1, 1))  # without a zone it is UTC
    passwords.refresh()
    assert "hunter2" not in repr(passwords)
    passwords.path.write_text("not of ours\n")
    passwords.refresh()
    assert "hunter2" in passwords.content()


class Role:
    """A role of a PostgreSQL that has to say its password."""

    def __init__(self, postgres: EmbeddedPostgres, database: Database) -> None:
        self.name = f"lakebase_{secrets.token_hex(4)}"
        self._postgres = postgres
        self._of = make_url(database.url("training"))
        self.sql(f"CREATE ROLE {self.name} LOGIN SUPERUSER")
        rules = postgres.data / "pg_hba.conf"
        rules.write_text(f"local all {self.name} scram-sha-256\n{rules.read_text()}")
        self.sql("SELECT pg_reload_conf()")

    @property
    def url(self) -> str:
        return self._of.set(
            username=self.name, password=None, query={"host": self._of.query["host"]}
        ).render_as_string()

    def sql(self, statement: str) -> None:
        with closing(psycopg2.connect(self._of.render_as_string(hide_password=False))) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)

    def has(self, password: str) -> None:
        self.sql(f"ALTER ROLE {self.name} PASSWORD '{password}'")


@pytest.fixture
def role(postgres: EmbeddedPostgres, database: Database) -> Iterator[Role]:
    role = Role(postgres, database)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # until the server has read the rule
        try:
            psycopg2.connect(role.url).close()
        except psycopg2.OperationalError:
            break
        time.sleep(0.05)
    yield role
    rules = postgres.data / "pg_hba.conf"
    rules.write_text(rules.read_text().partition("\n")[2])
    role.sql("SELECT pg_reload_conf()")
    role.sql(f"DROP ROLE {role.name}")


def test_a_password_that_changes_reaches_every_pool(
    role: Role, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes(password: str, **valid: float) -> None:
        role.has(password)
        issuer.issues(password, datetime.now(UTC) + timedelta(**valid))

    changes("first", hours=1)
    settings = Settings(
        state_dir=tmp_path / "state",
        database_url=SecretStr(role.url),
        database_password_command=issuer.command,
    )
    database = open_database(settings)
    engine = database.engine()
    monkeypatch.setattr(dagster_storage, "Settings", lambda: settings)
    dagsters = dagster_storage._engine.__wrapped__(database.url("dagster"))
    # MLflow's server knows nothing of ours: it is the file that it reads.
    foreign = create_engine(database.url("mlflow"))
    with engine.connect() as old, dagsters.connect(), foreign.connect():
        changes("second", hours=1)  # before the first has expired
        assert old.scalar(text("SELECT 1")) == 1  # what is open stays
        for pool in (engine, dagsters, foreign):
            with pool.connect() as new:  # another connection, as the first is in use
                assert new.scalar(text("SELECT current_user")) == role.name
        assert issuer.times == 2
        changes("third", minutes=1)
        passwords = database.passwords
        assert passwords is not None
        passwords.path.unlink()
        with closing(PasswordWatch(passwords, look_seconds=0.05)):
            deadline = time.monotonic() + 10
            while "third" not in passwords.content() and time.monotonic() < deadline:
                time.sleep(0.02)
        foreign.connect().close()
    for pool in (engine, dagsters, foreign):
        pool.dispose()
    role.has("another")
    with pytest.raises(Unavailable, match="password authentication failed") as refused:
        open_database(settings)
    assert "third" not in str(refused.value)


def test_a_password_is_stated_once(tmp_path: Path) -> None:
    settings = Settings(
        state_dir=tmp_path, database_url=SecretStr("postgresql://u:hunter2@h/d"), database_password_command="true"
    )
    with pytest.raises(InvalidRequest, match="give only one") as refused:
        Database.stated(settings)
    assert "hunter2" not in str(refused.value)
    assert Database.stated(Settings(state_dir=tmp_path, database_password_command="true")) is None
