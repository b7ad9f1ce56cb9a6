"""Looks regularly at the aliases of all models: tells what moved behind our back, and what names a tainted version."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from training_pipeline.domain.aliases import OnTaint, TaintedAlias
from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import PipelineError
from training_pipeline.models.versions import find
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.training_jobs.store.jobs import JobStore

_TAINTED: Final = text(
    f"WITH versions AS ({find.TAINTS}) SELECT a.model_name, a.alias, a.model_version, v.job_id, v.revocations"  # noqa: S608
    " FROM model_aliases AS a JOIN versions AS v ON v.name = a.model_name AND v.version = a.model_version"
    " WHERE a.until IS NULL AND cardinality(v.revocations) > 0 ORDER BY a.model_name, a.alias"
)
#: The versions that an alias named before and that are not tainted, the last one first.
_CLEAN: Final = text(
    f"WITH versions AS ({find.TAINTS}) SELECT a.model_version"  # noqa: S608 - our own text
    " FROM model_aliases AS a JOIN versions AS v ON v.name = a.model_name AND v.version = a.model_version"
    " WHERE a.model_name = :name AND a.alias = :alias AND a.until IS NOT NULL AND cardinality(v.revocations) = 0"
    " GROUP BY a.model_version ORDER BY max(a.until) DESC, max(a.id) DESC"
)
#: Once moving an alias has failed, so long after the first move no other is tried in the same round.
_MOVE_SECONDS: Final = 10.0
#: Troubles that a round names.
_NAMED: Final = 3
_log = logging.getLogger(__name__)

#: Told of an alias that names a tainted version. With `alert` it does so still, and the same is told again and again;
#: with `demote` it was moved to `version`, or taken away where that is null, and it is told in the transaction that
#: remembers this.
Tell = Callable[[Connection, TaintedAlias, OnTaint, str | None], None]


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of a round."""

    #: Aliases that name a tainted version, and how many of them were moved.
    tainted: int = 0
    demoted: int = 0
    #: Why the registry could not be asked, or not be written to, of the first aliases; None where it could of all.
    trouble: str | None = None


class AliasWatch:
    """Asks the registry at most every `seconds`; what names a tainted version is looked at each time."""

    def __init__(
        self, store: JobStore, aliases: Aliases, tell: Tell, on_taint: Callable[[str], OnTaint], *, seconds: float
    ) -> None:
        self._store = store
        self._aliases = aliases
        self._tell = tell
        self._on_taint = on_taint
        self._seconds = seconds
        self._asked: float | None = None
        #: The aliases that could not be moved last time: they are tried after the others.
        self._failed: set[tuple[str, str]] = set()

    def look_due(self) -> Watched:
        """Ask the registry where that is due, and act on every alias of a tainted version. May be repeated."""
        unseen = self._ask()
        troubles = list(unseen.values())
        tainted = sorted(self._tainted(), key=lambda one: (one.model_name, one.alias) in self._failed)
        failed: set[tuple[str, str]] = set()
        demoted, began = 0, time.monotonic()
        for one in tainted:
            in_time = not failed or time.monotonic() - began < _MOVE_SECONDS
            # Without an answer nobody knows whether it still names that version.
            if self._on_taint(one.model_name) == "demote" and one.model_name not in unseen and in_time:
                moved, trouble = self._demote(one)
                demoted += moved
                if trouble is None:
                    continue
                troubles.append(trouble)
                failed.add((one.model_name, one.alias))
            with self._store.begin() as connection:
                self._tell(connection, one, "alert", None)
        self._failed = failed
        return Watched(len(tainted), demoted, _said(troubles))

    def _demote(self, one: TaintedAlias) -> tuple[bool, str | None]:
        """Move an alias to the last clean version that takes it, else take it away; whether it was moved, or why not.

        A tainted version that answers is worse than none: one that the registry refuses keeps the alias on it no longer
        than the next one takes it. A refusal that may pass is none, for what an older version took is never given back.
        """
        clean, trouble = self._clean(one)
        for version in (*clean, None) if trouble is None else ():
            try:
                return self._move(one, version), None
            except Exception as error:  # noqa: BLE001 - of MLflow or of the workspace, in any class
                _log.warning("the alias %s could not be moved: %s", one.alias, describe(error))
                trouble = f"The alias {one.alias} of {one.model_name} could not be moved: {describe(error)}."
                if not (isinstance(error, PipelineError) and error.recurs):
                    break
        return False, trouble

    def _move(self, one: TaintedAlias, version: str | None) -> bool:
        def tell(connection: Connection) -> None:
            self._tell(connection, one, "demote", version)

        return self._aliases.move(one.model_name, one.alias, version, expected=one.model_version, also=tell)

    def _ask(self) -> Mapping[str, str]:
        if self._asked is not None and time.monotonic() - self._asked < self._seconds:
            return {}
        names = find.names(self._store)
        unseen = self._aliases.unseen(names) if names else {}
        if not unseen:
            self._asked = time.monotonic()
        return unseen

    def _tainted(self) -> list[TaintedAlias]:
        with self._store.begin() as connection:
            rows = connection.execute(_TAINTED).tuples()
            return [
                TaintedAlias(
                    model_name=name, alias=alias, model_version=version, job_id=job_id, revocation_ids=tuple(revoked)
                )
                for name, alias, version, job_id, revoked in rows
            ]

    def _clean(self, one: TaintedAlias) -> tuple[list[str], str | None]:
        """The versions that the alias may name instead, the last one first; and why the registry did not say which of
        them it has still.
        """
        with self._store.begin() as connection:
            asked = {"name": one.model_name, "alias": one.alias}
            before = list(connection.execute(_CLEAN, asked).scalars())
        try:
            return self._aliases.existing(one.model_name, before), None
        except Exception as error:  # noqa: BLE001 - as above
            why = describe(error)
            _log.warning("the registry did not say which versions of %s it has: %s", one.model_name, why)
            return before, f"The registry did not say which versions of {one.model_name} it has: {why}."


def _said(troubles: Sequence[str]) -> str | None:
    told = list(dict.fromkeys(troubles))
    more = len(told) - _NAMED
    return " ".join([*told[:_NAMED], *([f"So it is with {more} more."] if more > 0 else [])]) or None
