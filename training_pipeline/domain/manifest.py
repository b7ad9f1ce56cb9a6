"""The manifest: one row for every pair of the training sheet, and the digest by which rows are known again.

A manifest has no text: only identifiers, hashes, verdicts, and who allowed what.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: What a snapshot keeps of every pair, in the order of the pair ids. `row_hash` is null where no rule needed it: for
#: pairs that were left out by themselves and are not prohibited.
SNAPSHOT_SCHEMA: Final = pa.schema(
    [
        ("pair_id", pa.string()),
        ("row_hash", pa.string()),
        ("prompt_hash", pa.string()),
        ("item_ref", pa.string()),
        ("canonical_label_id", pa.string()),
        ("reason", pa.string()),
        ("may_validate", pa.bool_()),
        ("instruction", pa.bool_()),
        ("classification", pa.string()),
        ("reviewed_by", pa.string()),
        ("reviewed_at", pa.string()),
        ("constraints_set_by", pa.string()),
        ("constraints_set_at", pa.string()),
    ]
)

#: The columns of `manifest.parquet`. `split` is `train`, `validation`, or null where `reason` says why not;
#: `component` numbers the groups of pairs that are tied together and is null for excluded pairs. `prompt_hash` has the
#: hashes of questions, between blanks; those marked by `+` tie nothing. Manifests stored before it was kept have none.
MANIFEST_SCHEMA: Final = pa.schema(
    [
        ("pair_id", pa.string()),
        ("row_hash", pa.string()),
        ("split", pa.string()),
        ("reason", pa.string()),
        ("component", pa.int64()),
        ("canonical_label_id", pa.string()),
        ("item_ref", pa.string()),
        ("classification", pa.string()),
        ("reviewed_by", pa.string()),
        ("reviewed_at", pa.string()),
        ("constraints_set_by", pa.string()),
        ("constraints_set_at", pa.string()),
        ("gate_policy_version", pa.string()),
        ("prompt_hash", pa.string()),
    ]
)

#: The columns of a manifest whose hashes are under a key: the last names it, the same in each row. Without that column
#: hashes are without a key.
KEYED_MANIFEST_SCHEMA: Final = MANIFEST_SCHEMA.append(pa.field("hash_key", pa.string()))

#: Columns with few different values; a dictionary of the others would only cost time.
REPEATING: Final = (
    "split",
    "reason",
    "classification",
    "reviewed_by",
    "reviewed_at",
    "constraints_set_by",
    "constraints_set_at",
    "gate_policy_version",
    "hash_key",
)

# -1 and "", made of their bytes: of a Python value, Arrow makes one only after it has loaded pandas to compare it with,
# for which whoever reads one manifest would wait a quarter of a second.
_MISSING: Final = pa.Array.from_buffers(pa.int32(), 1, [None, pa.py_buffer(np.array([-1], np.int32))])[0]
_EMPTY: Final = pa.StringArray.from_buffers(1, pa.py_buffer(np.zeros(2, np.int32)), pa.py_buffer(b""))[0]


class RowsDigest:
    """A digest of a table's rows in their order, whatever the batches they come in and whoever stores them.

    Every value counts as its text. For each column: SHA-256 over the lengths in bytes of its values (int32,
    little-endian, -1 for null), and SHA-256 over the values' UTF-8 bytes, one after the other. The digest is the
    SHA-256 over the name and the two digests (hexadecimal) of all columns in order, each followed by a newline.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._columns = [(name, hashlib.sha256(), hashlib.sha256()) for name in schema.names]

    def update(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add rows. The columns must be those of the schema."""
        for name, lengths, values in self._columns:
            column = batch.column(name)
            for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
                text = chunk.cast(pa.string())
                sizes = pc.fill_null(pc.binary_length(text), _MISSING)
                lengths.update(_int32(sizes).astype("<i4").tobytes())
                values.update(text_bytes(pc.fill_null(text, _EMPTY)))

    def hexdigest(self) -> str:
        """The digest of all rows so far: 64 hexadecimal digits."""
        whole = hashlib.sha256()
        for name, lengths, values in self._columns:
            whole.update(f"{name}\n{lengths.hexdigest()}\n{values.hexdigest()}\n".encode())
        return whole.hexdigest()


def _int32(numbers: pa.Int32Array) -> NDArray[np.int32]:
    """The numbers, of which none is null, without copying; `to_numpy` loads pandas."""
    if not len(numbers):
        return np.empty(0, np.int32)
    return np.frombuffer(numbers.buffers()[1], np.int32, len(numbers), numbers.offset * 4)


def text_bytes(texts: pa.StringArray | pa.LargeStringArray) -> memoryview:
    """The UTF-8 bytes of all texts, one after the other, without copying. There must be no nulls."""
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return memoryview(b"")
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    bounds = np.frombuffer(offsets, dtype=kind, count=texts.offset + len(texts) + 1)
    return memoryview(data)[bounds[texts.offset] : bounds[-1]]
