"""Records revocations, and taints in the same transaction every model that learned from what is revoked.

A revocation has no end: whatever its source says later, a model that learned from the row is tainted, also one that is
registered afterwards. Only a version without the row, its ancestors included, is clean. So that no model slips
through between a revocation and its registration, both lock the table of revocations: see `lock`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from training_pipeline.domain.errors import FieldProblem, InvalidRequest, NotFound, Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.refs import required
from training_pipeline.domain.revocations import (
    SEEN,
    Learned,
    Revocation,
    RevocationSource,
    Revoked,
    RevokedKind,
    Taint,
    Tainted,
    Withdrawn,
    new_revocation_id,
    tainted,
)
from training_pipeline.domain.uses import DatasetUse, NotSearched
from training_pipeline.models.revocations import affected as finding
from training_pipeline.models.revocations.affected import Found, Model, found
from training_pipeline.models.revocations.dataset_revocations import held, withdrawn
from training_pipeline.models.revocations.proposals import propose
from training_pipeline.models.revocations.tables import revocations, taints
from training_pipeline.models.revocations.taints import in_words, taints_of
from training_pipeline.models.uses.ask import not_searched
from training_pipeline.models.uses.in_use import InUses, in_use
from training_pipeline.models.uses.keys import key_of
from training_pipeline.training_jobs.lifecycle.ancestors import as_known
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs

#: Told of what is new, within the transaction that makes it so.
Tell = Callable[[Connection, Revocation, Sequence[Taint], Sequence[str]], None]
#: A pair, the hash of what exactly was trained on, whether only validation is meant, and the key of the hash.
Row = tuple[str, str, bool, str | None]
_KEYED: Final = text(
    "SELECT DISTINCT s.training_sheet_id FROM use_rows AS r JOIN use_datasets AS d USING (sheet_no, slot)"
    " JOIN use_sheets AS s USING (sheet_no) WHERE r.row_key = :key AND d.hash_key IS NOT NULL ORDER BY 1"
)
_UNREADABLE: Final = text(
    "SELECT DISTINCT s.training_sheet_id FROM use_datasets AS d JOIN use_sheets AS s USING (sheet_no)"
    " LEFT JOIN hash_keys AS k ON k.id = d.hash_key WHERE d.recorded_at IS NOT NULL AND d.hash_key IS NOT NULL"
    " AND k.destroyed_at IS NULL AND d.hash_key <> ALL(:readable)"
    " AND (CAST(:sheet AS text) IS NULL OR s.training_sheet_id = :sheet) ORDER BY 1"
)
_MODE: Final = {True: "SHARE ROW EXCLUSIVE", False: "SHARE"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A revocation, and the models it taints."""

    revocation: Revocation
    taints: tuple[Taint, ...]
    #: Whether it was on record before.
    known: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a revocation would taint."""

    taints: tuple[Taint, ...]
    in_progress: tuple[str, ...]
    #: The same revocation, where it is on record.
    known: Revocation | None
    #: Where the versions are in use.
    in_use: InUses
    #: Sheets of which nobody can say whether their models learned from it: their hashes are under a key that is gone.
    not_searched: tuple[NotSearched, ...] = ()


class Revocations:
    """Writes revocations and taints. Every method may be repeated, and is one transaction."""

    def __init__(self, store: JobStore, tell: Tell, keys: HashKeys = NO_KEYS) -> None:
        self._store = store
        self._tell = tell
        self._keys = keys

    def preview(self, asked: Revoked) -> Preview:
        """What revoking it would taint now. Reads only; raises `Unavailable` where nobody can say."""
        with self._store.begin() as connection:
            _require_reach(connection, asked)
            who = found(
                connection, finding.datasets_of(self._store.within(connection), asked, self._keys.within(connection))
            )
            known = _known(connection, _identity(asked.kind, asked.value, asked.training_sheet_id, "by_hand"))
            would = tuple(_taint("", model, how) for model, how in _each(who))
            used = in_use(connection, [(one.model_name, one.model_version) for one in would])
            unsearched = self._not_searched(connection, asked)
        return Preview(would, who.in_progress, known, used, unsearched)

    def revoke(self, asked: Revoked, *, reason: str, actor: str) -> Recorded:
        """Record what a person revokes, with everything that it taints. What is on record already is left as it is.

        Raises `Unavailable`, and writes nothing, where nobody can say which models learned from it.
        """
        with self._store.begin() as connection:
            lock(connection)
            identity = _identity(asked.kind, asked.value, asked.training_sheet_id, "by_hand")
            known = _known(connection, identity)
            if known is not None:
                return Recorded(known, tuple(taints_of(connection, revocation_ids=[known.id])), known=True)
            _require_reach(connection, asked)
            self._require_keys(connection, asked)
            datasets = finding.datasets_of(self._store.within(connection), asked, self._keys.within(connection))
            revocation = _insert(
                connection,
                identity,
                kind=asked.kind,
                value=asked.value,
                training_sheet_id=asked.training_sheet_id,
                source="by_hand",
                reason=reason.strip(),
                actor=actor,
            )
            return Recorded(revocation, self._taint(connection, revocation, datasets), known=False)

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
        revocation = _insert(
            connection,
            _identity("rows", version, training_sheet_id, source),
            kind="rows",
            value=version,
            training_sheet_id=training_sheet_id,
            source=source,
            reason=f"Seen in the source: pairs of training sheet {training_sheet_id} {SEEN[source]}.",
            actor=SYSTEM,
            pairs=len({pair_id for pair_id, *_ in rows}),
        )
        ordered = sorted(rows, key=lambda row: (*row[:3], row[3] or ""))
        connection.execute(
            text(
                "INSERT INTO revoked_rows"
                " (training_sheet_id, pair_id, row_hash, validation_only, revocation_id, hash_key)"
                " SELECT :sheet, pair_id, row_hash, validation_only, :id, hash_key FROM unnest(CAST(:pairs AS text[]),"
                " CAST(:hashes AS text[]), CAST(:only AS boolean[]), CAST(:keys AS text[]))"
                " AS seen (pair_id, row_hash, validation_only, hash_key)"
            ),
            {
                "sheet": training_sheet_id,
                "id": revocation.id,
                "pairs": [pair_id for pair_id, *_ in ordered],
                "hashes": [row_hash for _, row_hash, *_ in ordered],
                "only": [validation_only for *_, validation_only, _ in ordered],
                "keys": [hash_key for *_, hash_key in ordered],
            },
        )
        return Recorded(revocation, self._taint(connection, revocation, datasets), known=False)

    def complete(self, connection: Connection, revocation_id: str, datasets: Sequence[DatasetUse]) -> tuple[Taint, ...]:
        """Taint the models that hold rows of a revocation on record and are not tainted by it; returns those taints.

        In the caller's transaction, which has `lock`. `datasets` are those that hold such rows, with how many.
        """
        missed = self._store_taints(connection, revocation_id, found(connection, datasets))
        if missed:
            self._tell(connection, get(connection, revocation_id), missed, ())
        return tuple(missed)

    def registering(
        self, connection: Connection, job: TrainingJob, record: LineageRecord, name: str, version: str | None
    ) -> None:
        """Taint the model that a job registers in this transaction, by its own rows and by what it comes from.

        To be called before the version is stored; until the transaction ends, nothing is revoked.
        """
        lock(connection, revokes=False)
        ancestors = self._ancestors(connection, record)
        own = held(connection, job.request.training_sheet_id, _manifest(job), self._keys.within(connection))
        by_revocation: dict[str, dict[str, Learned]] = {one: {job.id: rows} for one, rows in own.items()}
        bases: dict[str, Sequence[str]] = {job.id: ancestors}
        for ancestor, rows_of in self._of_unrecorded(connection, ancestors).items():
            for one, rows in rows_of.items():
                by_revocation.setdefault(one, {})[ancestor] = rows
        for taint in taints_of(connection, job_ids=ancestors):
            learned = by_revocation.setdefault(taint.revocation_id, {})
            learned[taint.job_id] = Learned(taint.train, taint.validation)
            # That they learned is what counts here; how much stands with themselves.
            learned.update({one: Learned(1, 0) for one in taint.inherited_from if one not in learned})
            bases[taint.job_id] = taint.inherited_from
        model = Model(job.id, name, version, ancestors)
        tainted_by: list[Taint] = []
        for revocation_id, learned in sorted(by_revocation.items()):
            how = tainted(learned, bases)[job.id]
            stored = _store(connection, [_taint(revocation_id, model, how)])
            if stored:
                tainted_by += stored
                self._tell(connection, get(connection, revocation_id), stored, ())
        propose(self._store.within(connection), tainted_by, self._keys.within(connection))

    def _ancestors(self, connection: Connection, record: LineageRecord) -> tuple[str, ...]:
        """The models that a job comes from, asked for again where none was on record when it was launched."""
        base = record.base_model
        if base is not None and not base.ancestors:
            store = self._store.within(connection)
            now = as_known(store, base, job_id=record.job_id)
            if now.ancestors:
                lineage.set_base_model(store, record.job_id, now)
            base = now
        return tuple(origin.job_id for origin in (base.ancestors if base is not None else None) or ())

    def _of_unrecorded(self, connection: Connection, ancestors: Sequence[str]) -> Mapping[str, Mapping[str, Learned]]:
        """By ancestors that are no models on record, which nothing taints: their own rows of each revocation."""
        on_record = finding.models(connection, ancestors)
        found = {}
        for job_id in ancestors:
            with suppress(NotFound):
                job = self._store.within(connection).get(job_id)
                if job_id not in on_record and job.data.dataset is not None:
                    keys = self._keys.within(connection)
                    found[job_id] = held(connection, job.request.training_sheet_id, _manifest(job), keys)
        return found

    def version(self) -> int:
        """A number that rises with every revocation. Reads only."""
        with self._store.begin() as connection:
            latest: int | None = connection.execute(select(func.max(revocations.c.number))).scalar_one()
        return latest or 0

    def withdrawn(self, training_sheet_id: str) -> Withdrawn:
        """What may not be trained on in a training sheet, whatever the sheet says. Reads only."""
        with self._store.begin() as connection:
            return withdrawn(connection, training_sheet_id, self._keys.within(connection))

    def held(self, job: TrainingJob) -> Mapping[str, int]:
        """How many rows of each revocation a job trains and validates on; only what occurs. Reads only."""
        with self._store.begin() as connection:
            rows = held(connection, job.request.training_sheet_id, _manifest(job), self._keys.within(connection))
        return {revocation_id: learned.train + learned.validation for revocation_id, learned in rows.items()}

    def _require_keys(self, connection: Connection, asked: Revoked) -> None:
        """Raise `Unavailable` where a hash would be looked for under a key that lives and cannot be read now."""
        if asked.kind != "row_hash":
            return
        readable = sorted(key.id for key in self._keys.within(connection).readable())
        there = {"readable": readable, "sheet": asked.training_sheet_id}
        if sheets := connection.execute(_UNREADABLE, there).scalars().all():
            raise Unavailable(
                f"The keys of these training sheets cannot be read: {', '.join(sheets)}. Which models learned from the "
                "row is not known.",
                hint="Restore them from the backup of `keys/`, or revoke the pair, the item or the label.",
            )

    def _not_searched(self, connection: Connection, asked: Revoked) -> tuple[NotSearched, ...]:
        if asked.kind != "row_hash":
            return ()
        every = not_searched(connection, None, {key.id for key in self._keys.within(connection).readable()})
        return tuple(one for one in every if asked.training_sheet_id in {None, one.training_sheet_id})

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

    def _store_taints(self, connection: Connection, revocation_id: str, who: Found) -> list[Taint]:
        """Store the taints that are not there yet, with the proposals that follow from them; returns those."""
        stored = _store(connection, [_taint(revocation_id, model, how) for model, how in _each(who)])
        propose(self._store.within(connection), stored, self._keys.within(connection))
        return stored


def _require_reach(connection: Connection, asked: Revoked) -> None:
    """Raise `InvalidRequest` for a hash under the key of one sheet that is to be revoked in every sheet.

    It would be found in that one alone, and look as if no other had the text.
    """
    if asked.kind != "row_hash" or asked.training_sheet_id is not None:
        return
    sheets = connection.execute(_KEYED, {"key": key_of("row_hash", asked.value)}).scalars().all()
    if sheets:
        problem = FieldProblem("/sheet", "required", f"the hash is under the key of training sheet {sheets[0]!r}")
        raise InvalidRequest(
            "A hash under a key reaches the training sheet of that key alone.",
            hint="Name the sheet, or give the SHA-256 of the example itself, which reaches every sheet.",
            problems=[problem],
        )


def lock(connection: Connection, *, revokes: bool = True) -> None:
    """Wait until nobody else revokes, and have nobody do so until this transaction ends.

    With `revokes` it also waits for models that are being registered, so that it sees them.
    """
    connection.execute(text(f"LOCK TABLE revocations IN {_MODE[revokes]} MODE"))


def get(connection: Connection, revocation_id: str) -> Revocation:
    """A revocation that is there. Reads only."""
    row = connection.execute(select(revocations).where(revocations.c.id == revocation_id)).mappings().one()
    return Revocation.model_validate(dict(row))


def _each(who: Found) -> list[tuple[Model, Tainted]]:
    return [(who.models[job_id], how) for job_id, how in sorted(who.tainted.items())]


def _taint(revocation_id: str, model: Model, how: Tainted) -> Taint:
    return Taint(
        revocation_id=revocation_id,
        job_id=model.job_id,
        model_name=model.name,
        model_version=model.version,
        train=how.own.train,
        validation=how.own.validation,
        inherited_from=how.inherited_from,
    )


def _store(connection: Connection, wanted: Sequence[Taint]) -> list[Taint]:
    """Store the taints that are not there yet, each with an event of its job; returns those. By rising job ids."""
    stored = []
    for taint in wanted:
        values = {**taint.model_dump(), "inherited_from": list(taint.inherited_from)}
        if connection.execute(
            insert_new(taints).values(values).on_conflict_do_nothing().returning(taints.c.job_id)
        ).first():
            stored.append(taint)
            record_event(
                connection,
                taint.job_id,
                EventType.INFO,
                f"The model is tainted by {taint.revocation_id}: {in_words(taint)}.",
                SYSTEM,
                data=taint.model_dump(exclude={"job_id"}),
            )
            since = func.coalesce(training_jobs.c.tainted_at, func.clock_timestamp())
            connection.execute(update(training_jobs).where(training_jobs.c.id == taint.job_id).values(tainted_at=since))
    return stored


def _identity(kind: RevokedKind, value: str, training_sheet_id: str | None, source: RevocationSource) -> str:
    said = json.dumps([kind, value, training_sheet_id, source], ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _known(connection: Connection, identity: str) -> Revocation | None:
    row = connection.execute(select(revocations).where(revocations.c.identity == identity)).mappings().first()
    return None if row is None else Revocation.model_validate(dict(row))


def _insert(connection: Connection, identity: str, **values: Any) -> Revocation:
    stored = {"id": new_revocation_id(datetime.now(UTC)), "identity": identity, **values}
    row = connection.execute(insert(revocations).values(stored).returning(revocations)).mappings().one()
    return Revocation.model_validate(dict(row))


def _manifest(job: TrainingJob) -> Path:
    return required(job.data.dataset, "dataset").manifest_file
