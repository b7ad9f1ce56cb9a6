"""Who learned from a revoked example in disguise: written otherwise, or as a turn of a longer chat, under another id.

Rows that ask the same are found in the index; what they show is told by the text of a dataset that has them. Where no
text is left, nothing is known of disguises.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import HashKeys
from training_pipeline.domain.refs import MANIFEST
from training_pipeline.domain.uses import DIGITS, Copies, DatasetUse
from training_pipeline.models.revocations.examples import examples_in, record, recorded
from training_pipeline.models.uses import lookup
from training_pipeline.models.uses.learners import jobs_of
from training_pipeline.models.uses.manifest_rows import rows_at

if TYPE_CHECKING:
    from training_pipeline.datasets.stored_examples import Said

_DATASETS: Final = text(
    "SELECT d.sheet_no, d.slot, d.digest, d.path, d.hash_key FROM use_datasets AS d JOIN use_sheets AS s"
    " USING (sheet_no) WHERE s.training_sheet_id = :sheet ORDER BY d.slot DESC"
)


def in_disguise(
    connection: Connection, revocation_id: str, training_sheet_id: str, asked: Iterable[str], keys: HashKeys
) -> list[DatasetUse]:
    """The datasets of a sheet that learned from an example of a revocation in disguise, which is recorded with it.

    `asked` are the questions of its examples, as hashes without a key.
    """
    known = recorded(connection, revocation_id, training_sheet_id)
    examples = {one for one in known if len(one) != DIGITS["row_hash"]}
    datasets = connection.execute(_DATASETS, {"sheet": training_sheet_id}).tuples().all()
    questions = {*asked}
    if not examples or not questions or not datasets:
        return []
    sheet_no = datasets[0][0]
    used = map(keys.read, {hash_key for *_, hash_key in datasets if hash_key is not None})
    questions |= {made for one in used if one is not None for made in one.of_all(sorted(questions))}
    hits = lookup.hits(connection, "question_hash", questions, sheet_no)
    slots = lookup.learned_in(connection, sheet_no, sorted({hit.row_no for hit in hits}))
    paths = {slot: Path(path) for _, slot, _, path, _ in datasets}
    hashes = _hashes([hit for hit in hits if hit.row_no in slots], paths)
    rows = {row_no: row_hash for row_no, row_hash in hashes.items() if row_hash not in known}
    key = keys.of_sheet(training_sheet_id)
    disguised = []
    for row_no, said in _said(rows, slots, paths).items():
        shown = {*said.shown, *(key.of_all(said.shown) if key is not None else ())}
        disguised += [] if examples.isdisjoint(shown) else [row_no]
    by_key: dict[str | None, set[str]] = defaultdict(set)
    of_slot = {slot: hash_key for _, slot, _, _, hash_key in datasets}
    for row_no in disguised:
        by_key[of_slot[slots[row_no][0]]].add(rows[row_no])
    for hash_key, row_hashes in by_key.items():
        record(connection, training_sheet_id, revocation_id, row_hashes, hash_key, keys)
    digests = {slot: digest for _, slot, digest, _, _ in datasets}
    return _uses(connection, training_sheet_id, sheet_no, disguised, digests)


def _hashes(hits: Collection[lookup.Hit], paths: Mapping[int, Path]) -> dict[int, str]:
    """The hashes of rows, by their numbers, as far as the manifests that have them can be read."""
    by_slot: dict[int, list[lookup.Hit]] = defaultdict(list)
    for hit in hits:
        by_slot[hit.slot].append(hit)
    found: dict[int, str] = {}
    for slot, group in by_slot.items():
        try:
            read = rows_at(paths[slot] / MANIFEST, [hit.place for hit in group], ["row_hash"])
        except Unavailable:
            continue
        rows = zip(group, read, strict=True)
        found |= {hit.row_no: row["row_hash"] for hit, row in rows if row["row_hash"] is not None}
    return found


def _said(rows: Mapping[int, str], slots: Mapping[int, list[int]], paths: Mapping[int, Path]) -> dict[int, Said]:
    """What rows say, by their numbers, from the newest dataset that has their text."""
    found: dict[int, Said] = {}
    for slot, path in paths.items():
        wanted: dict[str, list[int]] = defaultdict(list)
        for row_no in rows:
            if row_no not in found and slot in slots[row_no]:
                wanted[rows[row_no]].append(row_no)
        told = examples_in(path, wanted.keys())
        found |= {row_no: said for row_hash, said in told.items() for row_no in wanted[row_hash]}
    return found


def _uses(
    connection: Connection, training_sheet_id: str, sheet_no: int, rows: list[int], digests: Mapping[int, str]
) -> list[DatasetUse]:
    counted = lookup.verdicts(connection, sheet_no, rows)
    jobs = jobs_of(connection, [(training_sheet_id, digests[slot]) for slot in counted])
    return [
        DatasetUse(
            digest=digests[slot],
            copies=Copies(train=counts.get("train", 0), validation=counts.get("validation", 0)),
            manifest=True,
            jobs=tuple(jobs.get((training_sheet_id, digests[slot]), ())),
        )
        for slot, counts in counted.items()
    ]
