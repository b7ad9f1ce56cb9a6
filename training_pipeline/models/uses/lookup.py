"""From a name or a hash to the rows that have it, and from rows to what each dataset did with them. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, text

from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.refs import MANIFEST
from training_pipeline.domain.uses import MOST_ROWS, RowKind, UsedRow
from training_pipeline.models.uses.cells import CHUNK, SLOTS, WIDTH, counts, verdict_name
from training_pipeline.models.uses.keys import COLUMNS, key_of, questions_of
from training_pipeline.models.uses.manifest_rows import SHOWN, rows_at, rows_with

#: Rows whose verdicts are fetched at a time.
_ROWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Hit:
    """A numbered row that may have what was asked for, and where it stands in full."""

    sheet_no: int
    row_no: int
    slot: int
    place: int


@dataclass(slots=True)
class Confirmed:
    """The rows of one sheet that do have it; some of them in full."""

    numbers: list[int]
    shown: list[UsedRow]
    #: The hashes of their examples, as manifests have them; and the pairs of those in full, by their numbers.
    hashes: set[str] = field(default_factory=set)
    pair_ids: dict[int, str] = field(default_factory=dict)

    def add(self, number: int, row: Mapping[str, Any], *, full: bool) -> None:
        """Add a row that was read from a manifest; in `full` where it has all columns of `SHOWN`."""
        self.numbers.append(number)
        self.hashes |= {row["row_hash"]} - {None}
        if full and row["pair_id"] is not None:
            self.pair_ids[number] = row["pair_id"]


def hits(connection: Connection, kind: RowKind, values: Collection[str], sheet_no: int | None) -> list[Hit]:
    """The rows whose 64 bits match those of one of the values, of one sheet or of all."""
    column = COLUMNS[kind][1]
    query = f"SELECT sheet_no, row_no, slot, place FROM use_rows WHERE {column} = ANY(:keys)"  # noqa: S608 - our own names
    if kind == "question_hash":
        query += (
            " UNION SELECT sheet_no, row_no, slot, place FROM use_rows"
            " JOIN use_questions AS further USING (sheet_no, row_no) WHERE further.question_key = ANY(:keys)"
        )
    found = connection.execute(text(query), {"keys": [key_of(kind, value) for value in values]}).tuples().all()
    return [Hit(*row) for row in sorted(found) if sheet_no in {None, row[0]}]


def confirmed(
    connection: Connection, kind: RowKind, values: frozenset[str], found: Iterable[Hit]
) -> dict[int, Confirmed]:
    """The hits that their manifests confirm, by sheet.

    Where the manifest that should have a row is gone or is another one, any other manifest with the row will do.
    Raises `Unavailable` where there is none.
    """
    column = COLUMNS[kind][0]
    by_manifest: dict[tuple[int, int], list[Hit]] = defaultdict(list)
    for hit in found:
        by_manifest[hit.sheet_no, hit.slot].append(hit)
    paths = manifests(connection, by_manifest)
    rows: dict[int, Confirmed] = {}
    for (sheet_no, slot), group in by_manifest.items():
        of_sheet = rows.setdefault(sheet_no, Confirmed([], []))
        room = max(0, MOST_ROWS - len(of_sheet.shown))
        for part, columns in ((group[:room], {*SHOWN, column}), (group[room:], {"row_hash", column})):
            if not part:
                continue
            try:
                read = rows_at(paths[sheet_no, slot], [hit.place for hit in part], sorted(columns))
                _require_indexed(paths[sheet_no, slot], kind, values, [row[column] for row in read])
            except Unavailable as error:
                _add_elsewhere(connection, kind, values, part, of_sheet, error)
                continue
            kept = [
                (hit, row)
                for hit, row in zip(part, read, strict=True)
                if not values.isdisjoint(_names(kind, row[column]))
            ]
            full = columns >= {*SHOWN}
            for hit, row in kept:
                of_sheet.add(hit.row_no, row, full=full)
            of_sheet.shown += [UsedRow.model_validate(row) for _, row in kept if full]
    return {sheet_no: of_sheet for sheet_no, of_sheet in rows.items() if of_sheet.numbers}


def verdicts(connection: Connection, sheet_no: int, numbers: Sequence[int]) -> dict[int, dict[str, int]]:
    """For each dataset of the sheet, by its slot: how many of the rows are in each split or refused for each reason."""
    totals: dict[int, Any] = defaultdict(lambda: np.zeros((SLOTS, 16), dtype=np.int64))
    for found in _cells(connection, sheet_no, numbers):
        by_block: dict[int, list[bytes]] = defaultdict(list)
        for _, block, cells in found:
            by_block[block].append(cells)
        for block, of_block in by_block.items():
            totals[block] += counts(np.frombuffer(b"".join(of_block), dtype=np.uint8).reshape(-1, WIDTH))
    return {
        block * SLOTS + int(slot): _named(total[slot])
        for block, total in totals.items()
        for slot in np.flatnonzero(total[:, 1:].any(axis=1))
    }


def learned_in(connection: Connection, sheet_no: int, numbers: Sequence[int]) -> dict[int, list[int]]:
    """By row the datasets of the sheet, by their slots, that have it in one of their splits; only what occurs."""
    slots: dict[int, list[int]] = defaultdict(list)
    for found in _cells(connection, sheet_no, numbers):
        for row_no, block, cells in found:
            codes = np.frombuffer(cells, dtype=np.uint8)
            each = np.stack([codes & 15, codes >> 4], axis=1).ravel()
            slots[row_no] += [block * SLOTS + int(slot) for slot in np.flatnonzero((each == 1) | (each == 2))]
    return {row_no: sorted(of_row) for row_no, of_row in slots.items() if of_row}


def _cells(connection: Connection, sheet_no: int, numbers: Sequence[int]) -> Iterator[list[tuple[int, int, bytes]]]:
    """Some of the rows at a time: each with a block of datasets and its 16 bytes there."""
    query = text(
        f"SELECT row_no, block, substring(cells FROM (row_no % {CHUNK}) * {WIDTH} + 1 FOR {WIDTH})"  # noqa: S608 - numbers
        " FROM unnest(CAST(:numbers AS integer[])) AS row_no JOIN use_verdicts"
        f" ON sheet_no = :sheet_no AND chunk = row_no / {CHUNK}"
    )
    for start in range(0, len(numbers), _ROWS):
        asked = {"numbers": list(numbers[start : start + _ROWS]), "sheet_no": sheet_no}
        found = connection.execute(query, asked).tuples()
        # Shorter where the dataset has no row so far on.
        yield [(row_no, block, bytes(cells)) for row_no, block, cells in found if len(cells) == WIDTH]


def _named(total: Any) -> dict[str, int]:
    return {verdict_name(int(code)): int(total[code]) for code in np.flatnonzero(total) if code}


def _names(kind: RowKind, stored: str | None) -> list[str]:
    return questions_of(stored) if kind == "question_hash" else [] if stored is None else [stored]


def _require_indexed(manifest: Path, kind: RowKind, values: Collection[str], stored: Iterable[str | None]) -> None:
    """Raise `Unavailable` unless all rows have the 64 bits that the index has of them: else it is another manifest."""
    wanted = {key_of(kind, value) for value in values}
    for found in stored:
        if wanted.isdisjoint({key_of(kind, name) for name in _names(kind, found)}):
            raise lost_manifest(manifest, "its rows are not those that were indexed")


def _add_elsewhere(
    connection: Connection,
    kind: RowKind,
    values: Collection[str],
    found: Sequence[Hit],
    of_sheet: Confirmed,
    error: Unavailable,
) -> None:
    """Look for rows in every manifest that has them. Raises `error` where none of those can be read."""
    for hit in found:
        slots = sorted(set(verdicts(connection, hit.sheet_no, [hit.row_no])) - {hit.slot}, reverse=True)
        paths = manifests(connection, [(hit.sheet_no, slot) for slot in slots])
        for slot in slots:
            try:
                read = rows_with(paths[hit.sheet_no, slot], kind, values)
            except Unavailable:
                continue
            if read:
                of_sheet.add(hit.row_no, read[0], full=True)
                of_sheet.hashes |= {row["row_hash"] for row in read} - {None}
                shown = [UsedRow.model_validate(row) for row in read]
                of_sheet.shown += [row for row in shown if row not in of_sheet.shown][: MOST_ROWS - len(of_sheet.shown)]
            break
        else:
            raise error


def manifests(connection: Connection, datasets: Iterable[tuple[int, int]]) -> Mapping[tuple[int, int], Path]:
    """The manifests of datasets, by the number of their sheet and their slot."""
    wanted = list(datasets)
    query = text(
        "SELECT sheet_no, slot, path FROM use_datasets JOIN"
        " unnest(CAST(:sheets AS integer[]), CAST(:slots AS integer[])) AS wanted (sheet_no, slot)"
        " USING (sheet_no, slot)"
    )
    parameters = {"sheets": [sheet_no for sheet_no, _ in wanted], "slots": [slot for _, slot in wanted]}
    found = connection.execute(query, parameters).tuples()
    return {(sheet_no, slot): Path(path) / MANIFEST for sheet_no, slot, path in found}
