"""The aliases of registered models: asked of the registry for a bounded time, and remembered with since and until.

The registry says which version an alias names now, and nothing of before. So each answer is compared with what was seen
last: `since` is when an alias was first seen on a version, `until` when it was first seen elsewhere or nowhere.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

from training_pipeline.domain.aliases import AliasMove, moves
from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.bounded_calls import BoundedCalls

if TYPE_CHECKING:
    from training_pipeline.tracking.mlflow import RunTracking
    from training_pipeline.training_jobs.store.jobs import JobStore

#: So many ask at the same time; a call that hangs for longer gives its turn away.
_CALLS: Final = 4
_HUNG_SECONDS: Final = 30.0
_LATEST: Final = text("SELECT max(greatest(since, until)) FROM model_aliases WHERE model_name = :name")
_BEFORE: Final = text("SELECT alias, model_version FROM model_aliases WHERE model_name = :name AND until IS NULL")
_LOOKED: Final = text("SELECT looked_at FROM alias_looks WHERE model_name = :name")
_NOTE: Final = text(
    "INSERT INTO alias_looks (model_name, looked_at) VALUES (:name, :asked_at)"
    " ON CONFLICT (model_name) DO UPDATE SET looked_at = :asked_at"
)
_CLOSE: Final = text(
    "UPDATE model_aliases SET until = :asked_at WHERE model_name = :name AND until IS NULL"
    " AND NOT (alias || chr(10) || model_version) = ANY(:kept)"
)
_OPEN: Final = text(
    "INSERT INTO model_aliases (model_name, model_version, alias, since)"
    " SELECT :name, version, alias, :asked_at FROM unnest(CAST(:aliases AS text[]), CAST(:versions AS text[]))"
    " AS seen (alias, version) ON CONFLICT (model_name, alias) WHERE until IS NULL DO NOTHING"
)
_HISTORY: Final = text(
    "SELECT alias, since, until FROM model_aliases WHERE model_name = :name AND model_version = :version"
    " ORDER BY until DESC NULLS FIRST, alias"
)
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('aliases ' || :name, 0))")
_NOW: Final = text("SELECT clock_timestamp()")
_log = logging.getLogger(__name__)

#: Told of aliases that moved and not through us, within the transaction that remembers it.
Moved = Callable[[Connection, Sequence[AliasMove]], None]


def nobody(connection: Connection, moved: Sequence[AliasMove]) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class AliasUse:
    """An alias of a version, since it was first seen on it; `until` is null where it still was when last asked."""

    alias: str
    since: datetime
    until: datetime | None


class Aliases:
    """Asks the registry at most `seconds` for all names together."""

    def __init__(self, store: JobStore, tracking: RunTracking, moved: Moved = nobody, *, seconds: float = 5.0) -> None:
        self._store = store
        self._moved = moved
        self._tracking = tracking
        self._seconds = seconds
        self._calls: BoundedCalls[str, Mapping[str, str]] = BoundedCalls(_CALLS, hung_after=_HUNG_SECONDS)

    def look(self, names: Collection[str]) -> str | None:
        """See which aliases these models have now; None where all answers came, else why one did not, in a sentence.

        What is answered late is remembered all the same. Never raises. Writes what has changed.
        """
        return next(iter(self.unseen(names).values()), None)

    def unseen(self, names: Collection[str]) -> Mapping[str, str]:
        """See which aliases these models have now, as `look` does; by model, why those are not known that are not."""
        asked = sorted(set(names))
        key = "\n".join(asked)
        call = self._calls.begin(key, key, lambda: self._see(asked))
        try:
            if call is None:
                raise TimeoutError
            return call.answer.result(timeout=self._seconds)
        except TimeoutError:
            return dict.fromkeys(asked, f"The registry did not answer within {self._seconds:g} seconds.")
        finally:
            if call is not None and call.answer.done():
                self._calls.take(call)

    def history(self, name: str, version: str) -> tuple[AliasUse, ...]:
        """The aliases that the version was seen with, those that it has first. Reads only."""
        with self._store.begin() as connection:
            rows = connection.execute(_HISTORY, {"name": name, "version": version}).tuples()
            return tuple(AliasUse(*row) for row in rows)

    def holder(self, name: str, alias: str) -> str | None:
        """The version that an alias names now, None for none. Raises `Unavailable` if the registry does not say it."""
        try:
            return self._tracking.aliases(name).get(alias)
        except Exception as error:
            raise Unavailable(
                f"The registry could not be asked for the alias {alias!r} of {name}: {describe(error)}.",
                hint="Try again when it answers.",
            ) from error

    def existing(self, name: str, versions: Sequence[str]) -> list[str]:
        """Those of the versions that the registry has still, in their order. Raises what the registry raises."""
        return [version for version in versions if self._tracking.has_version(name, version)]

    def _see(self, names: Sequence[str]) -> Mapping[str, str]:
        began = time.monotonic()
        unseen: dict[str, str] = {}
        for place, name in enumerate(names):
            try:
                with self._store.begin() as connection:
                    asked_at = connection.execute(_NOW).scalar_one()
                self.remember(name, self._tracking.aliases(name), asked_at=asked_at)
            except Exception as error:  # noqa: BLE001 - whatever a registry says of one model, it is asked for the others
                why = describe(error)
                _log.warning("the aliases of %s could not be read: %s", name, why)
                unseen[name] = f"The registry could not be asked for the aliases of {name}: {why}."
                if (
                    time.monotonic() - began > _HUNG_SECONDS
                ):  # nobody waits any more, and a registry that is away stays so
                    return unseen | dict.fromkeys(names[place + 1 :], unseen[name])
        return unseen

    def move(
        self,
        name: str,
        alias: str,
        version: str | None,
        *,
        expected: str | None,
        also: Callable[[Connection], None] = lambda _: None,
    ) -> bool:
        """Have an alias that names the version `expected`, or none, name another one, or none; remembered as our move.

        False, and nothing is moved, where it names something else by now. Raises what the registry raises. Who looks
        meanwhile waits, and sees it as done. What `also` writes is stored with the move, or not at all.
        """
        with self._store.begin() as connection:
            connection.execute(_LOCK, {"name": name})
            asked_at = connection.execute(_NOW).scalar_one()
            found = self._tracking.aliases(name)
            as_expected = found.get(alias) == expected
            if as_expected:
                self._tracking.set_alias(name, alias, version)
                found = {**found, alias: version} if version is not None else {k: found[k] for k in found if k != alias}
            self._remember(connection, name, found, asked_at, ours=alias if as_expected else None)
            if as_expected:
                also(connection)
            return as_expected

    def remember(self, name: str, found: Mapping[str, str], *, asked_at: datetime) -> None:
        """Store what the registry said when it was asked at this time. An answer to an older question is dropped.

        What moved since the last look is told; nothing is at the first look at a model.
        """
        with self._store.begin() as connection:
            connection.execute(_LOCK, {"name": name})
            self._remember(connection, name, found, asked_at)

    def _remember(
        self,
        connection: Connection,
        name: str,
        found: Mapping[str, str],
        asked_at: datetime,
        *,
        ours: str | None = None,
    ) -> None:
        seen = {
            "name": name,
            "asked_at": asked_at,
            "aliases": list(found),
            "versions": list(found.values()),
            "kept": [f"{alias}\n{version}" for alias, version in found.items()],
        }
        known = (connection.execute(query, seen).scalar() for query in (_LATEST, _LOOKED))
        earlier = [at for at in known if at is not None]
        if any(at >= asked_at for at in earlier):
            return
        before = {str(alias): str(version) for alias, version in connection.execute(_BEFORE, seen).tuples()}
        connection.execute(_CLOSE, seen)
        connection.execute(_OPEN, seen)
        connection.execute(_NOTE, seen)
        behind_us = [one for one in moves(name, before, found) if one.alias != ours]
        if earlier and behind_us:
            self._moved(connection, behind_us)
