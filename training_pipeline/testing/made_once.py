"""Where tests begin that need a job or a suite: made once in a process, and copied for each other test.

To make a job and its dataset takes most of the processor time of the tests that begin with one. What it comes to
follows from what is in the database and the state directory, from the settings and from the parts of the installation.
So that is what it is kept under; a test that begins with anything else has it made anew. Copies have the same ids and
times.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection

from training_pipeline.app.container import Services
from training_pipeline.training_jobs.lifecycle import new_jobs

P = ParamSpec("P")
R = TypeVar("R")

#: Stands for the state directory in what is kept.
_HERE: Final = "<state directory>"
#: What processes keep for themselves in the state directory, and nothing follows from.
_OWN: Final = ("plans", "tmp")
#: Every row of our tables and every sequence, as text that PostgreSQL reads again as it was.
_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'training' AND tablename <> 'alembic_version'"
_SEQUENCES: Final = "SELECT sequencename, last_value::text FROM pg_sequences WHERE schemaname = 'training'"


@dataclass(frozen=True, slots=True)
class Contents:
    """The rows of each table, the place of each sequence, and each file by its path below the state directory."""

    rows: Mapping[str, Counter[str]]
    sequences: Mapping[str, str | None]
    files: Mapping[str, tuple[int, bytes]]

    @classmethod
    def of(cls, services: Services) -> Contents:
        """What is there now. Reads only."""
        here = services.settings.state_dir
        rows = {name: Counter[str]() for name in _tables(services)}
        told = " UNION ALL ".join(f"SELECT '{name}', t::text FROM training.{name} AS t" for name in rows)
        with services.store.begin() as connection:
            for name, row in connection.exec_driver_sql(told).tuples():
                rows[name][row.replace(str(here), _HERE)] += 1
            sequences = dict(connection.exec_driver_sql(_SEQUENCES).tuples().all())
        return cls(rows, sequences, {path: _file(here / path, here) for path in _paths(here)})

    def digest(self) -> str:
        """Equal for equal contents."""
        rows = {name: sorted(found.items()) for name, found in sorted(self.rows.items()) if found}
        told = (rows, sorted(self.sequences.items()), sorted(self.files.items()))
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def follow(self, before: Contents, services: Services) -> None:
        """Have these contents in an installation that has those of `before`."""
        here = services.settings.state_dir
        with services.store.begin() as connection:
            # No trigger works out what is copied, and no reference has to be there first.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for name, rows in self.rows.items():
                _change(connection, name, before.rows[name], rows, str(here))
            for name, value in self.sequences.items():
                if value != before.sequences[name]:
                    connection.exec_driver_sql("SELECT setval(%s, %s)", (f"training.{name}", value))
        for path, (mode, content) in self.files.items():
            if before.files.get(path) != (mode, content):
                (here / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                (here / path).write_bytes(content.replace(_HERE.encode(), str(here).encode()))
                (here / path).chmod(mode)
        for path in before.files.keys() - self.files.keys():
            (here / path).unlink()


def made_once(make: Callable[Concatenate[Services, P], R]) -> Callable[Concatenate[Services, P], R]:
    """Decorates what changes an installation and returns what does not depend on where that is.

    It may write below the state directory and into our own tables, and ask nobody else.
    """
    kept: dict[str, tuple[Contents, R]] = {}

    @wraps(make)
    def made(services: Services, /, *args: P.args, **kwargs: P.kwargs) -> R:
        before = Contents.of(services)
        key = f"{before.digest()} {_told(services)} {args} {kwargs}"
        if key in kept:
            after, result = kept[key]
            after.follow(before, services)
            return result
        result = make(services, *args, **kwargs)
        kept[key] = Contents.of(services), result
        return result

    return made


def _told(services: Services) -> str:
    """What an installation is made of, beside its contents."""
    settings = services.settings.model_dump(exclude={"database_url"})
    has_key = vars(services.launcher)["_made"] is not None
    told = [settings, services.policy, new_jobs.COUNTED_AT_ONCE, has_key]
    told += map(_parts, (services.backend, services.source))
    return repr(told).replace(str(services.settings.state_dir), _HERE)


def _parts(whole: object) -> list[object]:
    """What it is, and what it has but for objects that do not say what they are."""
    has = vars(whole).items() if hasattr(whole, "__dict__") else [("", repr(whole))]
    return [type(whole), [(name, value) for name, value in has if " at 0x" not in repr(value)]]


def _change(connection: Connection, table: str, before: Counter[str], after: Counter[str], here: str) -> None:
    if before - after:
        connection.exec_driver_sql(f"DELETE FROM training.{table}")
        before = Counter()
    if added := [row.replace(_HERE, here) for row in (after - before).elements()]:
        statement = f"INSERT INTO training.{table} OVERRIDING SYSTEM VALUE"
        connection.exec_driver_sql(f"{statement} SELECT * FROM unnest(%s::text[]::training.{table}[])", (added,))


def _tables(services: Services) -> list[str]:
    if not _NAMES:
        with services.store.begin() as connection:
            _NAMES.extend(connection.exec_driver_sql(_TABLES).scalars())
    return _NAMES


#: The tables of the database that tests have copies of; once they were asked for.
_NAMES: Final[list[str]] = []


def _paths(here: Path) -> Iterator[str]:
    for path in here.rglob("*"):
        if path.is_file() and (inside := path.relative_to(here)).parts[0] not in _OWN:
            yield str(inside)


def _file(path: Path, here: Path) -> tuple[int, bytes]:
    return path.stat().st_mode & 0o7777, path.read_bytes().replace(str(here).encode(), _HERE.encode())
