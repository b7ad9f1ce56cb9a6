"""What people revoked, as examples: recorded once, so that no copy passes when the pair that was named is gone.

A hash is under the living key of its sheet where there is one, so that it goes with the key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.datasets.store import read_dataset
from training_pipeline.domain.errors import NotFound, Unavailable
from training_pipeline.domain.hash_key import HashKey, HashKeys
from training_pipeline.domain.refs import required
from training_pipeline.domain.uses import RowKind
from training_pipeline.models.revocations.dataset_revocations import example_hashes, named_in
from training_pipeline.models.revocations.job_datasets import job_datasets
from training_pipeline.models.revocations.tables import revoked_examples
from training_pipeline.models.uses.keys import COLUMNS

if TYPE_CHECKING:
    from training_pipeline.datasets.stored_examples import Said


def record_known(
    connection: Connection, revocation_id: str, digests: Iterable[str], keys: HashKeys
) -> Mapping[str, set[str]]:
    """Record the examples that these datasets know of a revocation, in the caller's transaction. May be repeated.

    A dataset whose manifest is lost tells nothing, and one whose text is gone only the hashes of its lines. Returns
    what the examples ask, by training sheet, as hashes without a key.
    """
    told: dict[str, set[str]] = defaultdict(set)
    asked: dict[str, set[str]] = defaultdict(set)
    for sheet, _, ref in job_datasets(connection, set(digests)):
        try:
            dataset = required(ref, "dataset")
            manifest, hash_key = dataset.manifest_file, dataset.hash_key
            rows = example_hashes(connection, revocation_id, sheet, manifest, keys)
        except Unavailable:
            continue
        record(connection, sheet, revocation_id, rows, hash_key, keys)
        if hash_key is not None and keys.of_sheet(sheet) is None:
            continue  # a hash without a key would outlive it
        # Rows without text here are looked for in the next one.
        examples = examples_in(manifest.parent, rows - told[sheet])
        told[sheet] |= examples.keys()
        record(connection, sheet, revocation_id, {one.shown[0] for one in examples.values()}, None, keys)
        asked[sheet].update(*(one.asked for one in examples.values()))
    return asked


def record_shown(
    connection: Connection,
    training_sheet_id: str,
    shown: Sequence[Mapping[str, str | None]],
    keys: HashKeys,
    *,
    source_sheet: str | None = None,
) -> Mapping[str, set[str]]:
    """Record the examples of rows of the sheet, as `known_plan` has them, for the revocations that name them.

    Returns what they ask, by revocation, as hashes without a key.
    """
    from training_pipeline.datasets.stored_examples import said

    asked: dict[str, set[str]] = {}
    if not shown:
        return asked
    key = keys.of_sheet(training_sheet_id)
    # Not of a sheet, which bars every pair on its own, nor of a question, which bars every pair that asks it.
    for revocation_id, kind, value in named_in(connection, training_sheet_id, source_sheet):
        if kind == "sheet" or kind == "question_hash":
            continue
        rows = [row for row in shown if value in _names(row, kind, key)]
        each = [told for row in rows if (told := said(row)) is not None]
        hashes = {row["row_hash"] for row in rows} | {one.shown[0] for one in each}
        record(connection, training_sheet_id, revocation_id, {one for one in hashes if one}, None, keys)
        asked[revocation_id] = set[str]().union(*(one.asked for one in each))
    return asked


def recorded(connection: Connection, revocation_id: str, training_sheet_id: str) -> set[str]:
    """The hashes of examples that are on record for a revocation in a training sheet."""
    table = revoked_examples.c
    query = select(table.hash).where(table.revocation_id == revocation_id, table.training_sheet_id == training_sheet_id)
    return {*connection.execute(query).scalars()}


def _names(row: Mapping[str, str | None], kind: RowKind, key: HashKey | None) -> set[str | None]:
    name = row[COLUMNS[kind][0]]
    keyed = key.of(name) if kind == "row_hash" and key is not None and name is not None else None
    return {name, keyed} - {None}


def examples_in(folder: Path, row_hashes: Iterable[str]) -> Mapping[str, Said]:
    """What rows of a stored dataset say, by their hashes; nothing where it has no text, or none that can be read."""
    from training_pipeline.datasets.stored_examples import stored_examples

    try:
        return stored_examples(read_dataset(folder), frozenset(row_hashes))
    except (NotFound, OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return {}


def record(
    connection: Connection,
    training_sheet_id: str,
    revocation_id: str,
    hashes: Iterable[str],
    hash_key: str | None,
    keys: HashKeys,
) -> None:
    """Record hashes of examples: as they stand in manifests whose hashes are under `hash_key`, or without a key."""
    key = keys.of_sheet(training_sheet_id) if hash_key is None else None
    stored: list[Any] = [
        {
            "training_sheet_id": training_sheet_id,
            "revocation_id": revocation_id,
            "hash": one if key is None else key.of(one),
            "hash_key": hash_key if key is None else key.id,
        }
        for one in sorted(hashes)
    ]
    if stored:
        connection.execute(insert(revoked_examples).on_conflict_do_nothing(), stored)
