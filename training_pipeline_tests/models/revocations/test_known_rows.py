"""A row that is found changed is new, or known to the revocations that have it on record."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest

from training_pipeline.domain.hash_key import HashKey, HashKeys, NoKeys
from training_pipeline.models.revocations.changes import SCHEMA
from training_pipeline.models.revocations.known_rows import Sorted, by_record
from training_pipeline.models.revocations.records import lock
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.revocations.revoked_rows import Row
from training_pipeline.testing.models.used_rows import hashed
from training_pipeline.training_jobs.store.jobs import JobStore

KEY = HashKey("hk-0000000000000001", b"1" * 32)
OTHER = HashKey("hk-0000000000000002", b"2" * 32)
TEXT = hashed("a text")


class Keys(NoKeys):
    """These keys can be read."""

    def __init__(self, *readable: HashKey) -> None:
        self._readable = readable

    def within(self, connection: object) -> HashKeys:
        del connection
        return self

    def read(self, key_id: str) -> HashKey | None:
        return next((key for key in self._readable if key.id == key_id), None)


def record(store: JobStore, revocations: Revocations, *rows: Row, version: str = "1") -> str:
    with store.begin() as connection:
        lock(connection)
        return revocations.seen(connection, "letters", version, "vanished", rows, []).revocation.id


def sort(store: JobStore, found: Sequence[Row], keys: HashKeys) -> Sorted:
    columns = ("pair_id", "row_hash", "validation_only", "hash_key")
    rows = [{**dict(zip(columns, row, strict=True)), "source": "vanished"} for row in found]
    with store.begin() as connection:
        return by_record(connection, "letters", pa.Table.from_pylist(rows, SCHEMA), keys)


def test_nothing_found_is_nothing(store: JobStore) -> None:
    assert sort(store, [], Keys()) == Sorted({}, {})


@pytest.mark.parametrize(
    ("on_record", "found"),
    [((TEXT, None), (TEXT, None)), ((TEXT, None), (KEY.of(TEXT), KEY.id)), ((KEY.of(TEXT), KEY.id), (TEXT, None))],
    ids=["as it is", "under the key now", "under the key then"],
)
def test_a_row_is_known_by_its_hash_under_the_key_and_without_it(
    store: JobStore, revocations: Revocations, on_record: tuple[str, str | None], found: tuple[str, str | None]
) -> None:
    one = record(store, revocations, ("p-1", on_record[0], False, on_record[1]))
    row = ("p-1", found[0], False, found[1])
    assert sort(store, [row], Keys(KEY)) == Sorted({}, {one: [row]})
    other: Row = ("p-2", found[0], False, found[1])
    another: Row = ("p-1", hashed("another text"), False, None)
    assert sort(store, [other, another], Keys(KEY)) == Sorted({"vanished": [other, another]}, {})


@pytest.mark.parametrize(
    ("on_record", "found"),
    [
        ((TEXT, None), (KEY.of(TEXT), KEY.id)),
        ((KEY.of(TEXT), KEY.id), (TEXT, None)),
        ((KEY.of(TEXT), KEY.id), (OTHER.of(TEXT), OTHER.id)),
    ],
    ids=["without a key then", "without a key now", "under another key"],
)
def test_a_row_whose_key_is_gone_is_known_by_its_pair(
    store: JobStore, revocations: Revocations, on_record: tuple[str, str | None], found: tuple[str, str | None]
) -> None:
    one = record(store, revocations, ("p-1", on_record[0], False, on_record[1]))
    row: Row = ("p-1", found[0], False, found[1])
    other: Row = ("p-2", found[0], False, found[1])
    assert sort(store, [row, other], Keys(OTHER)) == Sorted({"vanished": [other]}, {one: [row]})
    same_key: Row = ("p-1", hashed("another text"), False, on_record[1])
    assert sort(store, [same_key], Keys()).known == {}, "hashes under one key need no key to be compared"


def test_of_validation_only_and_of_training_too(store: JobStore, revocations: Revocations) -> None:
    validated = record(store, revocations, ("p-1", TEXT, True, None))
    found = sort(store, [("p-1", TEXT, False, None)], Keys())
    assert found.new == {"vanished": [("p-1", TEXT, False, None)]}, "it may not be trained on any more either"
    assert found.known == {validated: [("p-1", TEXT, True, None)]}
    both = record(store, revocations, ("p-1", TEXT, False, None), version="2")
    found = sort(store, [("p-1", TEXT, True, None)], Keys())
    assert (dict(found.new), {*found.known}) == ({}, {validated, both})
    assert {(row["source"], row["validation_only"]) for row in found.table().to_pylist()} == {
        (validated, True),
        (both, False),
    }
