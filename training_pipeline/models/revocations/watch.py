"""Looks regularly at the training sheets of models on record, and records what their sources no longer permit.

A sheet is judged again only where its content, the gate policy or the datasets in question are others than at the last
look. What is found, whom it taints and that the sheet was looked at are one transaction: after a crash before it the
sheet is looked at again, after it there is nothing left to do. Of a dataset that cannot be read nothing is known, which
somebody is told; the others of its sheet are looked at, and it is too once it is there again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, text

from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import PipelineError, SheetChanged
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.refs import DatasetRef, UnreadableRef, parsed, required
from training_pipeline.domain.revocations import Learned
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.uses import DatasetUse
from training_pipeline.models.revocations.changes import Changes, changed, counted
from training_pipeline.models.revocations.known_rows import by_record
from training_pipeline.models.revocations.records import lock
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.uses.learners import jobs_of
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import ON_RECORD

#: Told of a sheet that nobody can look at: its id, and why.
Blind = Callable[[str, str], None]

#: An ancestor counts whether or not its own model is on record: what comes from it learned from its rows.
_DUE: Final = text(
    "WITH models AS (SELECT j.id, l.base_model FROM training_jobs AS j"  # noqa: S608
    f" JOIN training_job_lineage AS l ON l.job_id = j.id WHERE {ON_RECORD}),"
    " learned AS (SELECT id FROM models UNION"
    " SELECT one ->> 'job_id' FROM models, jsonb_path_query(base_model, 'lax $.ancestors[*]') AS origins (one))"
    " SELECT DISTINCT j.training_sheet_id, w.version, w.looked_at, j.dataset_digest, j.dataset::text"
    " FROM training_jobs AS j JOIN learned USING (id)"
    " LEFT JOIN watched_sheets AS w ON w.training_sheet_id = j.training_sheet_id"
    " WHERE j.dataset_digest IS NOT NULL"
    " AND (w.looked_at IS NULL OR w.looked_at <= clock_timestamp() - make_interval(secs => :seconds))"
    " AND (CAST(:sheet AS text) IS NULL OR j.training_sheet_id = :sheet)"
    " ORDER BY w.looked_at NULLS FIRST, j.training_sheet_id, j.dataset_digest"
)
#: When a look began is what counts: a change that came during it is seen no later for it.
_LOOKED: Final = text(
    "INSERT INTO watched_sheets (training_sheet_id, version, looked_at)"
    " VALUES (:sheet, :version, clock_timestamp() - make_interval(secs => :took))"
    " ON CONFLICT (training_sheet_id) DO UPDATE SET version = :version, looked_at = excluded.looked_at"
    " WHERE watched_sheets.version IS NOT DISTINCT FROM :before RETURNING 1"
)
#: Raised where a look finds more than before: every sheet is then judged once more.
_FORM: Final = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """A sheet that is due, as it was looked at last, and the datasets of what learned from it."""

    sheet_id: str
    version: str | None
    #: By their digests.
    datasets: Mapping[str, DatasetRef | UnreadableRef | None]


@dataclass(frozen=True, slots=True)
class WatchRound:
    """What came of a round."""

    #: Sheets that were looked at.
    sheets: int = 0
    #: The ids of the revocations that were recorded.
    recorded: tuple[str, ...] = ()
    #: Sheets that nobody can look at, or not with all of their datasets, and why.
    blind: tuple[tuple[str, str], ...] = ()
    #: Datasets of which nobody can say yet whether they hold what was revoked.
    unread: int = 0


class SheetWatch:
    """Looks at the sheets of models on record, each at most every `seconds` from the beginning of a look."""

    def __init__(
        self,
        store: JobStore,
        source: TrainingSheetSource,
        policy: GatePolicy,
        revocations: Revocations,
        blind: Blind,
        *,
        seconds: float,
        keys: HashKeys = NO_KEYS,
    ) -> None:
        self._keys = keys
        self._store = store
        self._source = source
        self._policy = policy
        self._revocations = revocations
        self._blind = blind
        self._seconds = seconds

    def look_due(self, *, seconds: float = 20.0, sheet_id: str | None = None) -> WatchRound:
        """Look at the sheets that are due (or just `sheet_id`), the one not looked at for longest first.

        Begins with no other one after so many seconds. A sheet that cannot be looked at keeps no other from it, and is
        looked at again; somebody is told.
        """
        deadline = time.monotonic() + seconds
        recorded: list[str] = []
        blind: list[tuple[str, str]] = []
        looked = 0
        with self._store.begin() as connection:
            due = _due(connection, sheet_id, seconds=self._seconds)
        for sheet in due:
            if time.monotonic() > deadline:
                break
            began = time.monotonic()
            try:
                made, lost = self._look(sheet, began)
                recorded += made
                looked += 1
                if lost:
                    more = f" ({len(lost) - 1:,} more cannot be read.)" if len(lost) > 1 else ""
                    why = f"{lost[0].message}{more}"
                    blind.append((sheet.sheet_id, why))
                    self._blind(sheet.sheet_id, why)
            except SheetChanged:  # somebody writes it just now
                continue
            except Exception as error:  # noqa: BLE001 - a fault in one sheet keeps no other from being looked at
                why = error.message if isinstance(error, PipelineError) else type(error).__name__
                _log.warning("training sheet %s cannot be looked at: %s", sheet.sheet_id, describe(error))
                blind.append((sheet.sheet_id, why))
                self._blind(sheet.sheet_id, why)
                self._note(sheet, began)
        return WatchRound(looked, tuple(recorded), tuple(blind))

    def _look(self, sheet: Watched, began: float) -> tuple[list[str], list[PipelineError]]:
        """The revocations that were recorded, and why some of the datasets could not be read."""
        datasets = [required(one, "dataset") for one in sheet.datasets.values()]
        with self._source.open(sheet.sheet_id) as opened:
            named = {one.hash_key for one in datasets if one.hash_key is not None}
            unread = sorted(one for one in named if self._keys.read(one) is None)
            gone = {
                one.digest: lost_manifest(one.manifest_file, "it is gone")
                for one in datasets
                if not one.manifest_file.is_file()
            }
            version = _version(opened.digest, self._policy, datasets, unread, gone)
            found = None if version == sheet.version else changed(opened, datasets, self._policy, self._keys)
            if found is not None:
                # Where one is damaged, this is no version that the next look begins with: the sheet is judged again.
                version = _version(opened.digest, self._policy, datasets, unread, found.lost)
        if found is None:
            self._note(sheet, began)
            return [], [*gone.values()]
        with self._store.begin() as connection:
            lock(connection)
            return self._record(connection, sheet, version, found, began), [*found.lost.values()]

    def _record(
        self,
        connection: Connection,
        sheet: Watched,
        version: str,
        found: Changes,
        began: float,
    ) -> list[str]:
        now = _due(connection, sheet.sheet_id, seconds=0)
        if [one.datasets.keys() for one in now] != [sheet.datasets.keys()]:
            # A model was registered during the look: whether its dataset holds the rows was not asked. Noted nowhere,
            # the sheet is looked at again.
            return []
        if not _noted(connection, sheet, version, began):
            return []  # somebody else looked meanwhile
        rows = by_record(connection, sheet.sheet_id, found.rows, self._keys.within(connection))
        counts = counted(found.read, rows.table()) if found.rows.num_rows else {}
        recorded = []
        for source, of_source in rows.new.items():
            uses = _uses(connection, sheet.sheet_id, source, counts)
            made = self._revocations.seen(connection, sheet.sheet_id, version, source, of_source, uses)
            recorded.append(made.revocation.id)
        for revocation_id in rows.known:
            uses = _uses(connection, sheet.sheet_id, revocation_id, counts)
            self._revocations.complete(connection, revocation_id, uses)
        return recorded

    def _note(self, sheet: Watched, began: float) -> None:
        """Note that it was looked at, and that nothing else came of it."""
        with self._store.begin() as connection:
            _noted(connection, sheet, sheet.version, began)


def _noted(connection: Connection, sheet: Watched, version: str | None, began: float) -> bool:
    """Note a look that began then, by the monotonic clock; false, and nothing is noted, if another one came first."""
    took = time.monotonic() - began
    values = {"sheet": sheet.sheet_id, "version": version, "before": sheet.version, "took": took}
    return connection.execute(_LOOKED, values).first() is not None


def _due(connection: Connection, sheet_id: str | None, *, seconds: float) -> list[Watched]:
    """The sheets of models on record and of what these come from (or just this one), not looked at for so long."""
    rows = connection.execute(_DUE, {"seconds": seconds, "sheet": sheet_id}).tuples().all()
    due = []
    for (sheet, version), of_sheet in groupby(rows, lambda row: (row[0], row[1])):
        stored = {digest: parsed(DatasetRef, json.loads(dataset)) for *_, digest, dataset in of_sheet}
        due.append(Watched(sheet, version, stored))
    return due


def _version(
    digest: str, policy: GatePolicy, datasets: Sequence[DatasetRef], unread: Sequence[str], lost: Collection[str]
) -> str:
    """What was compared: the sheet, the policy and the datasets, less those of the `lost` digests."""
    said = [_FORM, digest, policy.model_dump(mode="json"), sorted(one.digest for one in datasets)]
    # A look without a key does not see everything: once it can be read, the sheet is looked at again.
    said += [list(unread)] if unread else []
    said += [{"lost": sorted(lost)}] if lost else []
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _uses(
    connection: Connection, sheet_id: str, label: str, counts: Mapping[tuple[str, str], Learned]
) -> list[DatasetUse]:
    """The datasets that hold rows of this source or revocation, with their jobs."""
    learned = {digest: rows for (what, digest), rows in counts.items() if what == label}
    jobs = jobs_of(connection, [(sheet_id, digest) for digest in learned])
    return [
        DatasetUse(
            digest=digest,
            train=rows.train,
            validation=rows.validation,
            manifest=True,
            jobs=tuple(jobs.get((sheet_id, digest), ())),
        )
        for digest, rows in learned.items()
    ]
