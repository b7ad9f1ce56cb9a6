"""Rows with the very same example as others, in the same training sheet: who learned from one learned from all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection, text

from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import HashKey, HashKeys
from training_pipeline.domain.refs import MANIFEST
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.uses import MOST_ROWS, Copies, RowKind
from training_pipeline.models.uses import lookup
from training_pipeline.models.uses.keys import key_of
from training_pipeline.models.uses.manifest_rows import kept_for

#: Datasets of a sheet whose hashes have no key, beside one that has a hash asked for under a key that can be read.
_PLAIN_BESIDE: Final = text(
    "SELECT DISTINCT keyed.hash_key, plain.path FROM use_rows AS r"
    " JOIN use_datasets AS keyed ON keyed.sheet_no = r.sheet_no AND keyed.hash_key = ANY(:readable)"
    " JOIN use_datasets AS plain ON plain.sheet_no = r.sheet_no AND plain.hash_key IS NULL"
    " WHERE r.row_key = ANY(:rows) AND plain.recorded_at IS NOT NULL"
    " AND (CAST(:sheet_no AS integer) IS NULL OR r.sheet_no = :sheet_no) ORDER BY 1, 2"
)
_KEYS: Final = text("SELECT DISTINCT hash_key FROM use_datasets WHERE sheet_no = :sheet_no")
_SIDES: Final = ("train", "validation")


def copies_of(
    connection: Connection,
    sheet_no: int,
    rows: lookup.Confirmed,
    counted: Mapping[int, Mapping[str, int]],
    manifests: Mapping[int, Path],
    kind: RowKind,
    values: Collection[str],
    keys: HashKeys,
) -> dict[int, Copies]:
    """By the slot of a dataset, what it has of these rows of its sheet in its splits as others; only what occurs.

    Copies have the same hash. A row that was left out as a duplicate, where nothing that was kept has its hash, was
    kept as one that differs in white space, accents' spellings, weights or names alone.
    """
    found = _same(connection, sheet_no, rows, keys)
    copies: dict[int, Copies] = {}
    for slot, counts in lookup.verdicts(connection, sheet_no, found.numbers).items():
        if _learned(counts):
            copies[slot] = Copies(train=counts.get("train", 0), validation=counts.get("validation", 0))
    named: dict[int, list[str]] = defaultdict(list)
    slots = lookup.learned_in(connection, sheet_no, list(found.pair_ids)) if copies else {}
    for number, pair_id in found.pair_ids.items():
        for slot in slots.get(number, ()):
            named[slot].append(pair_id)
    copies = {slot: one.model_copy(update={"pair_ids": tuple(named[slot])}) for slot, one in copies.items()}
    for slot, verdicts in counted.items():
        duplicates = verdicts.get(str(Reason.DUPLICATE), 0)
        if duplicates and slot not in copies and not _learned(verdicts):
            copies[slot] = _kept(manifests[slot], kind, values, duplicates)
    return copies


def _learned(counts: Mapping[str, int]) -> bool:
    return any(counts.get(side) for side in _SIDES)


def without_key(
    connection: Connection, hashes: Collection[str], sheet_no: int | None, keys: Mapping[str, HashKey]
) -> set[str]:
    """The hashes in older manifests of a sheet, made without a key, that are one of these under its key."""
    wanted = frozenset(hashes)
    rows = [key_of("row_hash", one) for one in sorted(wanted)]
    asked = {"rows": rows, "readable": sorted(keys), "sheet_no": sheet_no}
    plain: set[str] = set()
    for key_id, path in connection.execute(_PLAIN_BESIDE, asked).tuples().all():
        manifest = Path(path) / MANIFEST
        try:
            with pq.ParquetFile(manifest) as file:
                stored = file.read(columns=["row_hash"])["row_hash"]
        except (OSError, pa.ArrowException) as error:
            raise lost_manifest(manifest, error) from error
        known = pc.unique(stored.drop_null()).to_pylist()
        plain |= {one for one, made in zip(known, keys[key_id].of_all(known), strict=True) if made in wanted}
    return plain


def _same(connection: Connection, sheet_no: int, rows: lookup.Confirmed, keys: HashKeys) -> lookup.Confirmed:
    """The other rows of the sheet with the same example, under whatever key their hashes are."""
    hashes = {*rows.hashes}
    under = {one for one in connection.execute(_KEYS, {"sheet_no": sheet_no}).scalars() if one is not None}
    readable = {one: key for one in sorted(under) if (key := keys.read(one)) is not None}
    if hashes and readable:
        hashes |= without_key(connection, hashes, sheet_no, readable)
        hashes |= {made for key in readable.values() for made in key.of_all(sorted(hashes))}
    known = {*rows.numbers}
    hits = lookup.hits(connection, "row_hash", hashes, sheet_no) if hashes else []
    others = [hit for hit in hits if hit.row_no not in known]
    found = lookup.confirmed(connection, "row_hash", frozenset(hashes), others)
    return found.get(sheet_no, lookup.Confirmed([], []))


def _kept(manifest: Path, kind: RowKind, values: Collection[str], duplicates: int) -> Copies:
    """The rows that were kept for duplicates; where nobody can say which, each counts as one that was trained on."""
    try:
        kept = kept_for(manifest, kind, values)
    except Unavailable:
        kept = []
    sides = [side for _, side in kept]
    if not kept:
        return Copies(train=duplicates)
    pair_ids = tuple(pair_id for pair_id, _ in kept[:MOST_ROWS])
    return Copies(train=sides.count("train"), validation=sides.count("validation"), pair_ids=pair_ids)
