"""The one PostgreSQL database: where it is and how to connect to it.

It has one schema for each of those who want a table `alembic_version`: `dagster`, `training` (our tables) and `mlflow`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from pydantic import SecretStr
from sqlalchemy import URL, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError

from training_pipeline.domain.errors import FieldProblem, InvalidRequest, Unavailable
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.password_file import PasswordFile, keep_fresh, password_file
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX

DRIVER: Final = "postgresql+psycopg2"
ACCEPTED_SCHEMES: Final = ("postgresql", "postgres", DRIVER)
CONNECT_SECONDS: Final = 5
#: For libpq: a server that is gone without a word (its machine lost its power) is noticed within half a minute.
NOTICE_LOST_SERVER: Final = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds: what was sent and never confirmed keeps the others from being sent
}


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database. Printing it shows where it is, never its password."""

    _url: URL = field(repr=False)
    #: Where the password expires.
    passwords: PasswordFile | None = field(default=None, repr=False)

    @classmethod
    def at(cls, url: SecretStr) -> Database:
        """The database at a URL as people write it; raises `InvalidRequest`, which never repeats the URL."""
        return cls(_normalised(url.get_secret_value()))

    @classmethod
    def stated(cls, settings: Settings) -> Database | None:
        """The database that the settings name, with its password from a command where they say so; None for our own.

        Raises `InvalidRequest` for a URL that is none, or with a password beside the command. Connects to nothing.
        """
        if settings.database_url is None:
            return None
        found, passwords = cls.at(settings.database_url), password_file(settings)
        if passwords is None:
            return found
        if found._url.password:
            raise InvalidRequest(
                f"{PREFIX}DATABASE_URL has a password, and {PREFIX}DATABASE_PASSWORD_COMMAND makes one: give only one.",
                problems=[FieldProblem("/database_url", "url", "expected a URL without a password")],
            )
        return cls(found._url.update_query_dict({"passfile": str(passwords.path)}), passwords)

    @property
    def name(self) -> str:
        """The name of the database."""
        return str(self._url.database)

    @property
    def location(self) -> str:
        """Database name and server, for people: `orders on db.example.org:5432`."""
        hosts = self._url.query.get("host", self._url.host or "localhost")
        host = hosts if isinstance(hosts, str) else ",".join(hosts)
        return f"{self.name} on {host}" + ("" if host.startswith("/") else f":{self._url.port or 5432}")

    def __str__(self) -> str:
        return self.location

    def url(self, schema: str) -> str:
        """A `postgresql://` URL that finds and creates tables in `schema`. It holds the password: do not print it."""
        return self._url_of(schema).set(drivername="postgresql").render_as_string(hide_password=False)

    def engine(self, schema: str = "training", *, pooled: bool = True) -> Engine:
        """A new engine on `schema`; whoever asks for it disposes of it (unpooled ones hold nothing to dispose of).

        It reconnects after the server was restarted, and raises `Unavailable` where no connection can be made.
        """
        return self._engine(self._url_of(schema), pooled=pooled)

    def check(self) -> None:
        """Connect once; raises `Unavailable` if the database does not answer."""
        self._engine(self._url, pooled=False).connect().close()

    def _engine(self, url: URL, *, pooled: bool) -> Engine:
        # hide_parameters: the values of a failed statement would end in logs. No table has a column of the type hstore,
        # which each new connection would look for.
        options: dict[str, Any] = {"pool_pre_ping": True} if pooled else {"poolclass": NullPool}
        options |= {"hide_parameters": True, "connect_args": NOTICE_LOST_SERVER, "use_native_hstore": False}
        engine = create_engine(url, **options)
        keep_fresh(engine, self.passwords)

        def explain(context: ExceptionContext) -> None:
            if context.connection is None and not context.is_pre_ping:  # after a failed ping it tries to reconnect
                raise self._unavailable(context.original_exception) from None

        event.listen(engine, "handle_error", explain)
        return engine

    def _url_of(self, schema: str) -> URL:
        given = self._url.query.get("options", "")
        options = f"{given if isinstance(given, str) else ' '.join(given)} -csearch_path={schema}".strip()
        return self._url.update_query_dict({"options": options})

    def _unavailable(self, cause: BaseException) -> Unavailable:
        reason = " ".join(str(cause).split())
        if self._url.password:
            reason = reason.replace(str(self._url.password), "***")
        return Unavailable(
            f"The database {self.location} does not answer: {reason}",
            hint=f"Start it, or check {PREFIX}DATABASE_URL (leave it unset to use the embedded PostgreSQL).",
        )


def open_database(settings: Settings) -> Database:
    """The database of the settings, after one connection to it; our own server is started if it does not run.

    Idempotent, and safe from several processes at once. Creates no schema or table: that is `migrations.migrate`.
    Raises `InvalidRequest` for a URL that is none, `Unavailable` if the database does not answer.
    """
    database = Database.stated(settings)
    if database is not None:
        database.check()
        return database
    ensure_state_directory(settings)
    server = EmbeddedPostgres(settings.state_dir / "postgres")
    server.start()
    return Database(server.url())


def stop_embedded(settings: Settings) -> bool:
    """Stop the embedded server of these settings; False if it was not running, or a URL is used instead."""
    return settings.database_url is None and EmbeddedPostgres(settings.state_dir / "postgres").stop()


def _normalised(given: str) -> URL:
    name = f"{PREFIX}DATABASE_URL"
    expected = "a URL such as postgresql://user:password@host:5432/database"

    def refused(problem: str) -> InvalidRequest:
        return InvalidRequest(
            f"{name} cannot be used: {problem}.",
            problems=[FieldProblem("/database_url", "url", f"expected {expected}")],
        )

    try:
        url = make_url(given.strip())
    except (ArgumentError, ValueError):
        raise refused(
            "it is not a database URL (special characters in a password are written as %40 and so on)"
        ) from None
    if url.drivername not in ACCEPTED_SCHEMES:
        raise refused(f"its scheme is {url.drivername!r}, and only PostgreSQL (through psycopg2) is supported")
    query = dict(url.query)
    password = query.pop("password", url.password)
    if url.host and url.host.lower().startswith("%2f"):  # libpq's way to write a socket's directory
        query["host"], url = unquote(url.host), url.set(host=None)
    database = url.database or query.pop("dbname", None)
    if not database:
        raise refused("it names no database")
    query.setdefault("connect_timeout", str(CONNECT_SECONDS))
    return URL.create(DRIVER, url.username, password, url.host, url.port, str(database), query)  # type: ignore[arg-type]
