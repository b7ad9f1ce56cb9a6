"""The log of edits in PostgreSQL: written before a sheet is touched, and settled after.

So whatever stops an edit, the log says what it was; and what became of it can be read from the sheet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, RowMapping, func, insert, literal_column, select, update

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.pair_edit import PairFacts
from training_pipeline.domain.rules.text.id_order import counted_sql
from training_pipeline.reviewing.tables import sheet_edit_pairs, sheet_edits
from training_pipeline.training_jobs.store.jobs import JobStore

EditState = Literal["intended", "applied", "abandoned"]
#: Pairs of an edit that are told with it; all of them are counted and on record.
MOST_TOLD: Final = 100
_AS_COUNTED: Final = literal_column(counted_sql("pair_id")).collate("C")


@dataclass(frozen=True, slots=True)
class EditedPair:
    """A pair before and after an edit."""

    pair_id: str
    before: PairFacts
    after: PairFacts


@dataclass(frozen=True, slots=True)
class SheetEdit:
    """An edit on record, with the first of its pairs by id, or with the one that was asked for."""

    number: int
    training_sheet_id: str
    old_digest: str
    new_digest: str
    old_file: str
    new_file: str
    undoes: int | None
    #: The edit that took this one back, if any.
    undone_by: int | None
    pairs: int
    actor: str
    state: EditState
    created_at: datetime
    edited: tuple[EditedPair, ...] = ()


class EditLog:
    """Reads and writes the log. Every method is one transaction."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def intend(
        self,
        sheet_id: str,
        *,
        digests: tuple[str, str],
        files: tuple[str, str],
        pairs: Sequence[EditedPair],
        actor: str,
        undoes: int | None,
    ) -> int:
        """Record what is about to be done; returns its number."""
        values = {
            "training_sheet_id": sheet_id,
            "old_digest": digests[0],
            "new_digest": digests[1],
            "old_file": files[0],
            "new_file": files[1],
            "undoes": undoes,
            "pairs": len(pairs),
            "actor": actor,
            "state": "intended",
        }
        with self._store.begin() as connection:
            number = connection.execute(insert(sheet_edits).values(values).returning(sheet_edits.c.number)).scalar_one()
            rows = [
                {
                    "edit_number": number,
                    "pair_id": pair.pair_id,
                    "before": pair.before.model_dump(mode="json"),
                    "after": pair.after.model_dump(mode="json"),
                }
                for pair in pairs
            ]
            connection.execute(insert(sheet_edit_pairs), rows)
        return int(number)

    def settle(self, number: int, state: EditState) -> None:
        """Record what became of an intention. What is settled stays as it is."""
        table = sheet_edits.c
        with self._store.begin() as connection:
            connection.execute(
                update(sheet_edits).where(table.number == number, table.state == "intended").values(state=state)
            )

    def intended(self, sheet_id: str) -> list[SheetEdit]:
        """Edits of a sheet of which it is not on record what became of them. Reads only."""
        return self._read(sheet_edits.c.training_sheet_id == sheet_id, sheet_edits.c.state == "intended")

    def get(self, sheet_id: str, number: int) -> SheetEdit:
        """One edit of a sheet with all of its pairs; raises `NotFound`. Reads only."""
        found = self._read(sheet_edits.c.training_sheet_id == sheet_id, sheet_edits.c.number == number, most_pairs=None)
        if not found:
            raise NotFound(f"There is no edit {number} of training sheet '{sheet_id}'.")
        return found[0]

    def since(self, sheet_id: str, digest: str, *, pair_ids: Collection[str]) -> list[SheetEdit]:
        """The edits that were applied since a sheet was last this version, oldest first, with those of these pairs."""
        table = sheet_edits.c
        mine = (table.training_sheet_id == sheet_id, table.state == "applied")
        with self._store.begin() as connection:
            start = connection.execute(
                select(func.max(table.number)).where(*mine, table.old_digest == digest)
            ).scalar_one()
        if start is None:
            return []
        return self._read(*mine, table.number >= start, pair_ids=pair_ids, most_pairs=None)[::-1]

    def outdated(self, sheet_id: str, *, latest: int) -> list[str]:
        """Digests of versions that edits made and edits before the `latest` ones took the place of. Reads only.

        None of a version that anything else made or replaced, like an import: only the edit before one says who made
        what it edited.
        """
        table = sheet_edits.c
        made = func.lag(table.new_digest).over(order_by=table.number)
        place = func.row_number().over(order_by=table.number.desc())
        edits = (
            select(table.old_digest, (made == table.old_digest).label("made_by_edit"), place.label("place"))
            .where(table.training_sheet_id == sheet_id, table.state == "applied")
            .subquery()
        )
        outdated = (
            select(edits.c.old_digest)
            .group_by(edits.c.old_digest)
            .having(func.min(edits.c.place) > latest, func.bool_and(func.coalesce(edits.c.made_by_edit, False)))
            .order_by(func.min(edits.c.place))
            .limit(latest)
        )
        with self._store.begin() as connection:
            return list(connection.execute(outdated).scalars())

    def page(
        self, sheet_id: str, *, pair_id: str | None, limit: int, offset: int = 0, before: int | None = None
    ) -> tuple[list[SheetEdit], int]:
        """Edits of a sheet, or of one of its pairs, newest first, and how many there are in all. Reads only."""
        table = sheet_edits.c
        wanted: list[ColumnElement[bool]] = [table.training_sheet_id == sheet_id]
        if pair_id is not None:
            of_pair = select(sheet_edit_pairs.c.edit_number).where(sheet_edit_pairs.c.pair_id == pair_id)
            wanted.append(table.number.in_(of_pair))
        with self._store.begin() as connection:
            total = connection.execute(select(func.count()).select_from(sheet_edits).where(*wanted)).scalar_one()
        further = [] if before is None else [table.number < before]
        only = None if pair_id is None else [pair_id]
        return self._read(*wanted, *further, limit=limit, offset=offset, pair_ids=only), int(total)

    def _read(
        self,
        *wanted: ColumnElement[bool],
        limit: int | None = None,
        offset: int = 0,
        pair_ids: Collection[str] | None = None,
        most_pairs: int | None = MOST_TOLD,
    ) -> list[SheetEdit]:
        """Edits, newest first."""
        undo = sheet_edits.alias("undo")
        undone_by = (
            select(func.max(undo.c.number))
            .where(undo.c.undoes == sheet_edits.c.number, undo.c.state == "applied")
            .scalar_subquery()
            .label("undone_by")
        )
        query = (
            select(sheet_edits, undone_by)
            .where(*wanted)
            .order_by(sheet_edits.c.number.desc())
            .limit(limit)
            .offset(offset)
        )
        pair = sheet_edit_pairs.c
        with self._store.begin() as connection:
            edits = list(connection.execute(query).mappings())
            place = func.row_number().over(partition_by=pair.edit_number, order_by=[_AS_COUNTED, pair.pair_id])
            among = [] if pair_ids is None else [pair.pair_id.in_(list(pair_ids))]
            numbers = [edit["number"] for edit in edits]
            ranked = (
                select(sheet_edit_pairs, place.label("place")).where(pair.edit_number.in_(numbers), *among).subquery()
            )
            shown = select(ranked).order_by(ranked.c.edit_number, ranked.c.place)
            if most_pairs is not None:
                shown = shown.where(ranked.c.place <= most_pairs)
            of_edit: dict[int, list[EditedPair]] = {}
            for row in connection.execute(shown).mappings():
                of_edit.setdefault(row["edit_number"], []).append(_pair(row))
        return [_edit(edit, of_edit.get(edit["number"], [])) for edit in edits]


def _edit(row: RowMapping, pairs: Sequence[EditedPair]) -> SheetEdit:
    values: Mapping[str, Any] = {name: row[name] for name in SheetEdit.__slots__ if name != "edited"}
    return SheetEdit(**values, edited=tuple(pairs))


def _pair(row: RowMapping) -> EditedPair:
    return EditedPair(row["pair_id"], PairFacts.model_validate(row["before"]), PairFacts.model_validate(row["after"]))
