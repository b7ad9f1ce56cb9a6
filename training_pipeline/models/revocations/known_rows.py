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
from training_pipeline.models.revocations.revoke import Row

_KNOWN: Final = text(
    "SELECT pair_id, row_hash, validation_only, hash_key, revocation_id FROM revoked_rows"
    " WHERE training_sheet_id = :sheet"
)
_NAMES: Final = ("pair_id", "row_hash", "validation_only", "hash_key")


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows that were found changed: those that are new, by what happened to them, and those on record, by revocation.

    A row on record has the hash that was found, and is as the revocation has it: of validation only, or of both.
    """

    new: Mapping[RevocationSource, Sequence[Row]]
    known: Mapping[str, Sequence[Row]]

    def table(self) -> pa.Table:
        """All of them, the source or the revocation under `source`. Pure."""
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
    key = keys.of_sheet(training_sheet_id)
    on_record: dict[tuple[str, str], list[tuple[bool, str]]] = defaultdict(list)
    for pair_id, row_hash, only, hash_key, revocation_id in connection.execute(
        _KNOWN, {"sheet": training_sheet_id}
    ).tuples():
        for form in _forms(row_hash, hash_key, key):
            on_record[pair_id, form].append((only, revocation_id))
    new: dict[RevocationSource, list[Row]] = defaultdict(list)
    known: dict[str, list[Row]] = defaultdict(list)
    for one in found.to_pylist():
        pair_id, row_hash, only, hash_key = (one[name] for name in _NAMES)
        # The same row is known by its hash under the sheet's key and without it.
        same = {each for form in _forms(row_hash, hash_key, key) for each in on_record.get((pair_id, form), ())}
        if not any(recorded in {only, False} for recorded, _ in same):
            new[one["source"]].append((pair_id, row_hash, only, hash_key))
        for recorded, revocation_id in same:
            known[revocation_id].append((pair_id, row_hash, recorded, hash_key))
    return Sorted({source: new[source] for source in SEEN if source in new}, known)


def _forms(row_hash: str, hash_key: str | None, key: HashKey | None) -> list[str]:
    return [row_hash, *([key.of(row_hash)] if hash_key is None and key is not None else [])]
