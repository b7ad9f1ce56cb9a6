"""Which of the rows that a look found changed are on record already, and by which revocations. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from sqlalchemy import Connection, text

from training_pipeline.domain.hash_key import HashKey, HashKeys
from training_pipeline.domain.revocations import SEEN, RevocationSource
from training_pipeline.models.revocations.revoked_rows import Row

_KNOWN: Final = text(
    "SELECT pair_id, row_hash, validation_only, hash_key, revocation_id FROM revoked_rows"
    " WHERE training_sheet_id = :sheet"
)
#: The hash of a row, and the key that it is under.
Hashed = tuple[str, str | None]
_NAMES: Final = ("pair_id", "row_hash", "validation_only", "hash_key")


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows that were found changed: those that are new, by what happened to them, and those on record, by revocation.

    A row on record has the hash that was found, and is as the revocation has it: of validation only, or of both.
    """

    new: Mapping[RevocationSource, Sequence[Row]]
    known: Mapping[str, Sequence[Row]]

    def table(self) -> pa.Table:
        """All of them, the source or the revocation under `source`."""
        return pa.Table.from_pylist(
            [
                {**dict(zip(_NAMES, row, strict=True)), "source": label}
                for label, of_label in (*self.new.items(), *self.known.items())
                for row in of_label
            ]
        )


def by_record(connection: Connection, training_sheet_id: str, found: pa.Table, keys: HashKeys) -> Sorted:
    """Sort the rows that were found changed in a training sheet by whether they are on record."""
    if not found.num_rows:
        return Sorted({}, {})
    on_record: dict[str, list[tuple[str, bool, str | None, str]]] = defaultdict(list)
    for pair_id, *known_as in connection.execute(_KNOWN, {"sheet": training_sheet_id}).tuples():
        on_record[pair_id].append((known_as[0], known_as[1], known_as[2], known_as[3]))
    named = {*found["hash_key"].to_pylist(), *(each[2] for rows in on_record.values() for each in rows)} - {None}
    readable = {one: key for one in named if (key := keys.read(one)) is not None}
    new: dict[RevocationSource, list[Row]] = defaultdict(list)
    known: dict[str, list[Row]] = defaultdict(list)
    for one in found.to_pylist():
        pair_id, row_hash, only, hash_key = (one[name] for name in _NAMES)
        same = {
            (recorded, revocation_id)
            for other_hash, recorded, other_key, revocation_id in on_record.get(pair_id, ())
            if _is_same((row_hash, hash_key), (other_hash, other_key), readable)
        }
        if not any(recorded in {only, False} for recorded, _ in same):
            new[one["source"]].append((pair_id, row_hash, only, hash_key))
        for recorded, revocation_id in sorted(same):
            known[revocation_id].append((pair_id, row_hash, recorded, hash_key))
    return Sorted({source: new[source] for source in SEEN if source in new}, known)


def _is_same(one: Hashed, other: Hashed, readable: Mapping[str, HashKey]) -> bool:
    """Whether two hashes of a pair may be of one text: where nobody can compare them they are, as for a registration.

    A model that was registered meanwhile was tainted by that rule; another rule here would taint it twice.
    """
    (row_hash, key_id), (other_hash, other_id) = one, other
    if key_id == other_id:
        return row_hash == other_hash
    if key_id is None:
        return _is_same(other, one, readable)
    key = readable.get(key_id)
    return other_id is not None or key is None or key.of(other_hash) == row_hash
