"""Records revocations, and taints in the same transaction every model that learned from what is revoked.

A revocation has no end: whatever its source says later, a model that learned from the row is tainted, also one that is
registered afterwards. Only a version without the row, its ancestors included, is clean. So that no model slips
through between a revocation and its registration, both lock the table of revocations: see `lock`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection, func, select, text

from training_pipeline.domain.errors import NotFound, PipelineError, SheetUnreadable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.revocations import (
    SEEN,
    Revocation,
    RevocationSource,
    Revoked,
    Taint,
    Withdrawn,
)
from training_pipeline.domain.uses import DatasetUse
from training_pipeline.models.revocations import reach, records
from training_pipeline.models.revocations.affected import Affected, found
from training_pipeline.models.revocations.dataset_revocations import held_by, withdrawn
from training_pipeline.models.revocations.examples import record_shown
from training_pipeline.models.revocations.inherited import taints_to_be
from training_pipeline.models.revocations.learned import learned_from
from training_pipeline.models.revocations.outcomes import Preview, Recorded
from training_pipeline.models.revocations.proposals import propose
from training_pipeline.models.revocations.revoked_rows import Row, insert_rows
from training_pipeline.models.revocations.tables import revocations
from training_pipeline.models.revocations.taints import store_new, taint_of, tainted_by, taints_of
from training_pipeline.models.revocations.unread import Known, can_be_read, note, still_open
from training_pipeline.models.uses.in_use import in_use
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore

#: Whether a sheet was revoked, or an item or a label in one sheet, which may be the source of this one.
_IN_ONE_SHEET: Final = text(
    "SELECT EXISTS (SELECT FROM revocations WHERE (kind IN ('item', 'label') AND training_sheet_id <> :sheet)"
    " OR (kind = 'sheet' AND value <> :sheet))"
)
_log = logging.getLogger(__name__)
#: Told of what is new, within the transaction that makes it so.
Tell = Callable[[Connection, Revocation, Sequence[Taint], Sequence[str]], None]


class Revocations:
    """Writes revocations and taints. Every method may be repeated, and is one transaction."""

    def __init__(
        self,
        store: JobStore,
        tell: Tell,
        keys: HashKeys = NO_KEYS,
        *,
        source: Callable[[], TrainingSheetSource] | None = None,
    ) -> None:
        self._store = store
        self._tell = tell
        self._keys = keys
        self._source = source

    def preview(self, asked: Revoked) -> Preview:
        """What revoking it would taint now. Keeps nothing."""
        shown = self._shown(asked)
        with self._store.begin() as connection:
            reach.require_one_sheet(connection, asked)
            known = records.known(connection, _identity(asked))
            with connection.begin_nested() as undone:
                revocation = known or _insert(connection, asked, reason="", actor="")
                learned = self._learned(connection, revocation, asked, shown)
                undone.rollback()
            who = found(connection, learned.learned)
            would = tuple(taint_of("", *each) for each in tainted_by(who))
            used = in_use(connection, [(one.model_name, one.model_version) for one in would])
            unsearched = reach.unsearched(connection, asked, self._keys.within(connection))
        return Preview(would, who.in_progress, known, used, unsearched, learned.unread)

    def revoke(self, asked: Revoked, *, reason: str, actor: str) -> Recorded:
        """Record what a person revokes, with everything that it taints. What is on record already is left as it is.

        Its examples are recorded as the datasets know them and, where one training sheet is named, as that has them
        now. Where the index of uses cannot say who learned from it, manifests are asked; a dataset whose manifest
        cannot be read stays open, see `read_again`.
        """
        shown = self._shown(asked)
        with self._store.begin() as connection:
            records.lock(connection)
            known = records.known(connection, _identity(asked))
            if known is not None:
                if asked.training_sheet_id is not None:
                    record_shown(connection, asked.training_sheet_id, shown, self._keys.within(connection))
                taints = tuple(taints_of(connection, revocation_ids=[known.id]))
                unread = tuple(still_open(connection, known.id).get(known.id, ()))
                return Recorded(known, taints, known=True, unread=unread)
            reach.require_one_sheet(connection, asked)
            reach.require_keys(connection, asked, self._keys.within(connection))
            revocation = _insert(connection, asked, reason=reason.strip(), actor=actor)
            learned = self._learned(connection, revocation, asked, shown)
            note(connection, revocation.id, learned.unread)
            taints = self._taint(connection, revocation, learned.learned)
            return Recorded(revocation, taints, known=False, unread=learned.unread)

    def _shown(self, asked: Revoked) -> list[dict[str, str | None]]:
        """What is revoked, as its training sheet has it now. One that cannot be read is looked at by the next job."""
        sheet_id = asked.training_sheet_id
        if sheet_id is None or self._source is None:
            return []
        from training_pipeline.datasets.verdicts import named_examples

        named = Withdrawn(named=((asked.kind, asked.value),), key=self._keys.of_sheet(sheet_id))
        try:
            with self._source().open(sheet_id) as opened:
                return named_examples(opened, named)
        except PipelineError as error:
            _log.warning("training sheet %s cannot be looked at: %s", sheet_id, error.message)
            return []

    def _learned(
        self,
        connection: Connection,
        revocation: Revocation,
        asked: Revoked,
        shown: Sequence[Mapping[str, str | None]] = (),
    ) -> Known:
        keys = self._keys.within(connection)
        return learned_from(connection, self._store, revocation, asked, shown, keys)

    def read_again(self) -> int:
        """Taint what learned from revoked rows in datasets that can be read by now; returns how many still cannot be.

        Each revocation is one transaction; to be called again and again.
        """
        keys, waiting = self._keys, 0
        with self._store.begin() as connection:
            unread = still_open(connection)
            known = {one: records.get(connection, one) for one in unread}
            due = [one for one in unread if can_be_read(connection, known[one], unread[one], keys.within(connection))]
        for revocation_id, datasets in unread.items():
            if revocation_id not in due:
                waiting += len(datasets)
                continue
            with self._store.begin() as connection:
                records.lock(connection)
                learned = self._learned(connection, known[revocation_id], _asked(known[revocation_id]))
                note(connection, revocation_id, learned.unread)
                self.complete(connection, revocation_id, learned.learned)
                waiting += len(learned.unread)
        return waiting

    def seen(
        self,
        connection: Connection,
        training_sheet_id: str,
        version: str,
        source: RevocationSource,
        rows: Collection[Row],
        datasets: Sequence[DatasetUse],
    ) -> Recorded:
        """Record rows that a look at their training sheet found changed, in the caller's transaction, which has `lock`.

        `datasets` are those of the sheet that hold one of them, with how many. No row may be on record already.
        """
        revocation = records.insert(
            connection,
            records.identity_of("rows", version, training_sheet_id, source),
            kind="rows",
            value=version,
            training_sheet_id=training_sheet_id,
            source=source,
            reason=f"Seen in the source: pairs of training sheet {training_sheet_id} {SEEN[source]}.",
            actor=SYSTEM,
            pairs=len({pair_id for pair_id, *_ in rows}),
        )
        insert_rows(connection, training_sheet_id, revocation.id, rows)
        return Recorded(revocation, self._taint(connection, revocation, datasets), known=False)

    def complete(self, connection: Connection, revocation_id: str, datasets: Sequence[DatasetUse]) -> tuple[Taint, ...]:
        """Taint the models that hold rows of a revocation on record and are not tainted by it; returns those taints.

        In the caller's transaction, which has `lock`. `datasets` are those that hold such rows, with how many.
        """
        missed = self._store_taints(connection, revocation_id, found(connection, datasets))
        if missed:
            self._tell(connection, records.get(connection, revocation_id), missed, ())
        return tuple(missed)

    def registering(
        self, connection: Connection, job: TrainingJob, record: LineageRecord, name: str, version: str | None
    ) -> None:
        """Taint the model that a job registers in this transaction, by its own rows and by what it comes from.

        To be called before the version is stored; until the transaction ends, nothing is revoked.
        """
        records.lock(connection, revokes=False)
        taints = taints_to_be(connection, self._store, self._keys, job, record, name, version)
        stored = store_new(connection, taints)
        for taint in stored:
            self._tell(connection, records.get(connection, taint.revocation_id), [taint], ())
        propose(self._store.within(connection), stored, self._keys.within(connection))

    def version(self) -> int:
        """A number that rises with every revocation. Reads only."""
        with self._store.begin() as connection:
            latest: int | None = connection.execute(select(func.max(revocations.c.number))).scalar_one()
        return latest or 0

    def withdrawn(self, training_sheet_id: str) -> Withdrawn:
        """What may not be trained on in a training sheet, whatever the sheet says. Reads only."""
        source_sheet = self._source_of(training_sheet_id)
        with self._store.begin() as connection:
            return withdrawn(connection, training_sheet_id, self._keys.within(connection), source_sheet=source_sheet)

    def _source_of(self, training_sheet_id: str) -> str | None:
        """What a training sheet is made from, where that matters: no job of a new one says so yet."""
        with self._store.begin() as connection:
            in_one = connection.execute(_IN_ONE_SHEET, {"sheet": training_sheet_id}).scalar_one()
        if in_one and self._source is not None:
            with suppress(NotFound, SheetUnreadable):
                return self._source().get(training_sheet_id).source_sheet.id
        return None

    def shown(self, training_sheet_id: str, rows: Sequence[Mapping[str, str | None]]) -> None:
        """Record the examples of rows that people revoked, as their sheet has them now: see `named_examples`."""
        source_sheet = self._source_of(training_sheet_id)
        with self._store.begin() as connection:
            keys = self._keys.within(connection)
            record_shown(connection, training_sheet_id, rows, keys, source_sheet=source_sheet)

    def held(self, job: TrainingJob) -> Mapping[str, int]:
        """How many rows of each revocation a job trains and validates on; only what occurs. Reads only."""
        with self._store.begin() as connection:
            rows = held_by(connection, job, self._keys.within(connection))
        return {revocation_id: learned.train + learned.validation for revocation_id, learned in rows.items()}

    def _taint(
        self, connection: Connection, revocation: Revocation, datasets: Sequence[DatasetUse]
    ) -> tuple[Taint, ...]:
        who = found(connection, datasets)
        stored = self._store_taints(connection, revocation.id, who)
        for job_id in sorted(who.in_progress):
            said = f"Rows that this job trains on were revoked ({revocation.id}): its model will not be registered."
            record_event(
                connection, job_id, EventType.INFO, said, revocation.actor, data={"revocation_id": revocation.id}
            )
        self._tell(connection, revocation, stored, who.in_progress)
        return tuple(stored)

    def _store_taints(self, connection: Connection, revocation_id: str, who: Affected) -> list[Taint]:
        """Store the taints that are not there yet, with the proposals that follow from them; returns those."""
        stored = store_new(connection, [taint_of(revocation_id, *each) for each in tainted_by(who)])
        propose(self._store.within(connection), stored, self._keys.within(connection))
        return stored


def _identity(asked: Revoked) -> str:
    return records.identity_of(asked.kind, asked.value, asked.training_sheet_id, "by_hand")


def _asked(revocation: Revocation) -> Revoked:
    return Revoked.model_validate(revocation.model_dump(include={"kind", "value", "training_sheet_id"}))


def _insert(connection: Connection, asked: Revoked, *, reason: str, actor: str) -> Revocation:
    return records.insert(
        connection,
        _identity(asked),
        kind=asked.kind,
        value=asked.value,
        training_sheet_id=asked.training_sheet_id,
        source="by_hand",
        reason=reason,
        actor=actor,
    )
