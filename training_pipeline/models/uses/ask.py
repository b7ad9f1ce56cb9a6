"""Which models learned from this? One question, the whole answer."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.refs import MANIFEST
from training_pipeline.domain.uses import (
    DIGITS,
    NO_COPIES,
    OF_SOURCES,
    WORDS,
    Copies,
    DatasetUse,
    Kind,
    NotSearched,
    Question,
    RowKind,
    SheetUses,
    Uses,
)
from training_pipeline.models.uses import lookup
from training_pipeline.models.uses.copies import copies_of, without_key
from training_pipeline.models.uses.index import one_index, require_complete
from training_pipeline.models.uses.learners import Dataset, jobs_of, models_of
from training_pipeline.models.uses.manifest_rows import nearest
from training_pipeline.training_jobs.store.jobs import JobStore

#: So many sheets are searched for names that are near to an unknown one.
_SEARCHED: Final = 20

_DATASETS: Final = """
    SELECT s.training_sheet_id, s.sheet_no, d.slot, d.digest, d.path, d.has_questions
    FROM use_datasets AS d JOIN use_sheets AS s USING (sheet_no) WHERE d.recorded_at IS NOT NULL
"""
#: Datasets of jobs by what their sheet was made from; the training sheet itself counts before any submit.
_WHOLE: Final = {
    "sheet": " AND (s.training_sheet_id = :value OR (s.training_sheet_id, d.digest) IN ("
    "SELECT training_sheet_id, dataset_digest FROM training_job_lineage WHERE sheet_id = :value))",
    "template": " AND (s.training_sheet_id, d.digest) IN ("
    "SELECT training_sheet_id, dataset_digest FROM training_job_lineage WHERE template_id = :value)",
}
_COUNTED: Final = text(
    "SELECT DISTINCT ON (training_sheet_id, dataset_digest) training_sheet_id, dataset_digest,"
    " CAST(dataset ->> 'train_pairs' AS integer), CAST(dataset ->> 'validation_pairs' AS integer),"
    " dataset -> 'summary' -> 'excluded'"
    " FROM training_jobs WHERE dataset_digest = ANY(:digests) ORDER BY training_sheet_id, dataset_digest, created_at"
)
#: The datasets of a training sheet, and those that were made from a source sheet.
_SCOPE: Final = text(
    "SELECT sheet_no, d.digest, s.training_sheet_id = :id FROM use_sheets AS s JOIN use_datasets AS d USING (sheet_no)"
    " WHERE s.training_sheet_id = :id OR (s.training_sheet_id, d.digest) IN ("
    "SELECT training_sheet_id, dataset_digest FROM training_job_lineage WHERE sheet_id = :id)"
)
Counts = Mapping[str, int]


class _Row(NamedTuple):
    """A dataset of the index."""

    training_sheet_id: str
    sheet_no: int
    slot: int
    digest: str
    path: str
    has_questions: bool


def uses(store: JobStore, asked: Question, keys: HashKeys = NO_KEYS) -> Uses:
    """Every dataset, job and model version that used what is asked for; a part for each training sheet that has it.

    A hash is looked for as it is and under each of the `keys` that can be read; the answer, and an error that says that
    nothing was found, name the sheets that could not be searched.

    Raises `NotFound` with the nearest names where no dataset knows it, and `Unavailable` where the index does not know
    a dataset that may have it, or a manifest that has to confirm the answer is lost or damaged.
    """
    with store.begin() as connection:
        one_index(connection)
        require_complete(connection, asked.kind, asked.value, asked.training_sheet_id)
        if asked.kind == "sheet" or asked.kind == "template":
            return _of_whole(connection, asked.kind, asked.value)
        return _of_rows(connection, asked.kind, asked.value, asked.training_sheet_id, keys.within(connection))


def _of_rows(connection: Connection, kind: RowKind, value: str, training_sheet_id: str | None, keys: HashKeys) -> Uses:
    scope = None if training_sheet_id is None else _scope(connection, kind, training_sheet_id)
    sheet_no = next(iter(scope)) if scope is not None and len(scope) == 1 else None
    values = frozenset([value])
    unsearched: tuple[NotSearched, ...] = ()
    if kind in DIGITS:
        readable = keys.readable()
        values |= {key.of(value) for key in readable}
        if kind == "row_hash":
            values |= without_key(connection, [value], sheet_no, {key.id: key for key in readable})
        unsearched = not_searched(connection, sheet_no, {key.id for key in readable})
    hits = [hit for hit in lookup.hits(connection, kind, values, sheet_no) if scope is None or hit.sheet_no in scope]
    found = lookup.confirmed(connection, kind, values, hits)
    counted: dict[int, dict[int, Counts]] = {
        number: dict(lookup.verdicts(connection, number, rows.numbers)) for number, rows in found.items()
    }
    every = _datasets(connection, " AND s.sheet_no = ANY(:sheets)", sheets=sorted(found))
    datasets = {key: row for key, row in every.items() if scope is None or row.digest in scope[row.sheet_no]}
    copied: dict[int, dict[int, Copies]] = {}
    for number, rows in found.items() if kind != "question_hash" else ():
        manifests = {row.slot: Path(row.path) / MANIFEST for row in datasets.values() if row.sheet_no == number}
        copied[number] = copies_of(connection, number, rows, counted[number], manifests, kind, values, keys)
        for slot in copied[number]:
            counted[number].setdefault(slot, {})
    kept = {key: counted[row.sheet_no][row.slot] for key, row in datasets.items() if row.slot in counted[row.sheet_no]}
    copies = {key: copied.get(row.sheet_no, {}).get(row.slot, NO_COPIES) for key, row in datasets.items()}
    if not kept:
        raise _unknown(connection, kind, value, training_sheet_id, unsearched)
    shown = {row.training_sheet_id: found[row.sheet_no] for row in datasets.values()}
    uncounted = 0
    if kind == "question_hash":
        query = f"SELECT count(*) FROM ({_DATASETS}) AS d WHERE NOT has_questions"  # noqa: S608 - our own text
        uncounted = connection.execute(text(query)).scalar_one()
    return _answer(
        connection,
        kind,
        value,
        kept,
        datasets,
        shown,
        copies=copies,
        without_questions=uncounted,
        unsearched=unsearched,
    )


def _of_whole(connection: Connection, kind: Kind, value: str) -> Uses:
    datasets = _datasets(connection, _WHOLE[kind], value=value)
    if not datasets:
        raise _unknown(connection, kind, value, None)
    counted: dict[Dataset, Counts] = {}
    digests = sorted({digest for _, digest in datasets})
    for sheet_id, digest, train, validation, excluded in connection.execute(_COUNTED, {"digests": digests}).tuples():
        refused = {reason: count for reason, count in (excluded or {}).items() if count}
        counted[sheet_id, digest] = {"train": train, "validation": validation, **refused}
    kept = {key: counted[key] for key in datasets}
    return _answer(connection, kind, value, kept, datasets, {})


def _answer(
    connection: Connection,
    kind: Kind,
    value: str,
    kept: Mapping[Dataset, Counts],
    datasets: Mapping[Dataset, _Row],
    rows: Mapping[str, lookup.Confirmed],
    *,
    copies: Mapping[Dataset, Copies] = MappingProxyType({}),
    without_questions: int = 0,
    unsearched: tuple[NotSearched, ...] = (),
) -> Uses:
    jobs = jobs_of(connection, kept)
    sheets: dict[str, list[DatasetUse]] = {}
    lost = []
    for key, verdicts in kept.items():
        manifest = Path(datasets[key].path) / MANIFEST
        there = manifest.is_file()
        lost += [] if there else [str(manifest)]
        refused = {name: count for name, count in verdicts.items() if name not in {"train", "validation"}}
        use = DatasetUse(
            digest=key[1],
            train=verdicts.get("train", 0),
            validation=verdicts.get("validation", 0),
            refused=refused,
            copies=copies.get(key, NO_COPIES),
            manifest=there,
            jobs=tuple(jobs.get(key, ())),
        )
        sheets.setdefault(key[0], []).append(use)
    return Uses(
        kind=kind,
        value=value,
        sheets=tuple(
            SheetUses(
                training_sheet_id=sheet_id,
                row_count=len(rows[sheet_id].numbers) if sheet_id in rows else 0,
                rows=tuple(rows[sheet_id].shown) if sheet_id in rows else (),
                datasets=tuple(found),
            )
            for sheet_id, found in sheets.items()
        ),
        model_versions=models_of(connection, [use for found in sheets.values() for use in found]),
        lost_manifests=tuple(lost),
        without_questions=without_questions,
        not_searched=unsearched,
    )


def _datasets(connection: Connection, where: str, **parameters: Any) -> dict[Dataset, _Row]:
    query = text(f"{_DATASETS}{where} ORDER BY s.training_sheet_id, d.slot")
    rows = [_Row(*row) for row in connection.execute(query, parameters).tuples()]
    return {(row.training_sheet_id, row.digest): row for row in rows}


def _scope(connection: Connection, kind: RowKind, sheet_id: str) -> Mapping[int, Collection[str]]:
    """The digests of the datasets to look in, by the number of their training sheet.

    Of a training sheet all are. Items and labels are of a source sheet: they may be looked for in one, and are then in
    every dataset that was made from it.
    """
    found = connection.execute(_SCOPE, {"id": sheet_id}).tuples().all()
    within: dict[int, set[str]] = defaultdict(set)
    for number, digest, is_training_sheet in found:
        if is_training_sheet or kind in OF_SOURCES:
            within[number].add(digest)
    if within:
        return within
    if found:
        raise NotFound(
            f"No dataset has the training sheet {sheet_id!r}.",
            hint=f"It is a source sheet, in which {' and '.join(map(WORDS.__getitem__, OF_SOURCES))}s are looked for. "
            "Name a training sheet that was made from it.",
        )
    raise _unknown(connection, "sheet", sheet_id, None)


def _unknown(
    connection: Connection,
    kind: Kind,
    value: str,
    training_sheet_id: str | None,
    unsearched: tuple[NotSearched, ...] = (),
) -> NotFound:
    """What is raised where no dataset knows what is asked for, with the names that are most like it."""
    if kind in DIGITS:
        near: list[str] = []
    elif kind in {"sheet", "template"}:
        near = difflib.get_close_matches(value, _names(connection, kind), n=3)
    else:
        near = nearest(_newest_manifests(connection, training_sheet_id), kind, value)  # type: ignore[arg-type]
    where = "" if training_sheet_id is None else f" of sheet {training_sheet_id!r}"
    said = f"Nearest: {', '.join(near)}." if near else ""
    if unsearched:
        return NotFound(
            f"No dataset{where} that could be searched has the {WORDS[kind]} {value!r}.",
            hint=f"Not searched: {'; '.join(map(str, unsearched))}. Ask for a pair, an item or a label.",
        )
    return NotFound(f"No dataset{where} has the {WORDS[kind]} {value!r}.", hint=said)


def not_searched(connection: Connection, sheet_no: int | None, readable: Collection[str]) -> tuple[NotSearched, ...]:
    """The sheets with datasets whose hashes are under a key that is not `readable`, and why. Reads only."""
    query = (
        "SELECT DISTINCT s.training_sheet_id, d.hash_key, k.destroyed_at IS NOT NULL, k.revocation_id FROM use_datasets"
        " AS d JOIN use_sheets AS s USING (sheet_no) LEFT JOIN hash_keys AS k ON k.id = d.hash_key"
        " WHERE d.recorded_at IS NOT NULL AND d.hash_key IS NOT NULL AND d.hash_key <> ALL(:readable)"
        " AND (CAST(:sheet_no AS integer) IS NULL OR sheet_no = :sheet_no) ORDER BY 1, 2"
    )
    rows = connection.execute(text(query), {"readable": sorted(readable), "sheet_no": sheet_no}).tuples()
    return tuple(
        NotSearched(
            training_sheet_id=sheet,
            hash_key=key,
            why=f"its key was destroyed for {revocation}" if destroyed else "its key cannot be read here",
        )
        for sheet, key, destroyed, revocation in rows
    )


def _names(connection: Connection, kind: Kind) -> list[str]:
    query = "SELECT DISTINCT template_id FROM training_job_lineage"
    if kind == "sheet":
        query = "SELECT training_sheet_id FROM use_sheets UNION SELECT sheet_id FROM training_job_lineage"
    return sorted(connection.execute(text(query)).scalars())


def _newest_manifests(connection: Connection, training_sheet_id: str | None) -> list[Path]:
    query = text(
        "SELECT path FROM (SELECT DISTINCT ON (s.sheet_no) d.path, d.recorded_at FROM use_datasets AS d"  # noqa: S608
        " JOIN use_sheets AS s USING (sheet_no) WHERE d.recorded_at IS NOT NULL"
        " AND (CAST(:id AS text) IS NULL OR s.training_sheet_id = :id) ORDER BY s.sheet_no, d.recorded_at DESC) AS each"
        f" ORDER BY recorded_at DESC LIMIT {_SEARCHED}"
    )
    found = [Path(path) / MANIFEST for path in connection.execute(query, {"id": training_sheet_id}).scalars()]
    return [path for path in found if path.is_file()]
