"""Rows are known again by their digest, however they are cut into batches."""

from __future__ import annotations

import hashlib
import struct

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.manifest import RowsDigest, text_bytes

SCHEMA = pa.schema([("name", pa.string()), ("number", pa.int64()), ("flag", pa.bool_())])
rows = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | st.text(st.characters(codec="utf-8"), max_size=4),
            "number": st.none() | st.integers(-5, 5),
            "flag": st.none() | st.booleans(),
        }
    ),
    max_size=8,
)


def digest(*batches: pa.Table) -> str:
    made = RowsDigest(SCHEMA)
    for batch in batches:
        made.update(batch)
    return made.hexdigest()


def table(many: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(many, SCHEMA)


@settings(deadline=None)
@given(many=rows, cut=st.integers(0, 8))
def test_batches_make_no_difference(many: list[dict[str, object]], cut: int) -> None:
    whole = table(many)
    assert digest(whole) == digest(whole[:cut], whole[cut:]) == digest(table(many[:cut]), table(many[cut:]))


@settings(deadline=None)
@given(many=rows, others=rows)
def test_other_rows_have_another_digest(many: list[dict[str, object]], others: list[dict[str, object]]) -> None:
    assert (digest(table(many)) == digest(table(others))) == (many == others)


def test_it_can_be_computed_by_hand() -> None:
    made = digest(table([{"name": "ä", "number": 7, "flag": None}, {"name": None, "number": -1, "flag": True}]))
    by_hand = hashlib.sha256()
    columns: dict[str, list[str | None]] = {"name": ["ä", None], "number": ["7", "-1"], "flag": [None, "true"]}
    for name, values in columns.items():
        sizes = b"".join(struct.pack("<i", -1 if value is None else len(value.encode())) for value in values)
        text = "".join(value or "" for value in values).encode()
        by_hand.update(f"{name}\n{hashlib.sha256(sizes).hexdigest()}\n{hashlib.sha256(text).hexdigest()}\n".encode())
    assert made == by_hand.hexdigest()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_bytes_of_a_slice(kind: pa.DataType) -> None:
    texts = pa.array(["one", "", "zwölf", "x"], kind)
    assert bytes(text_bytes(texts)) == "onezwölfx".encode()
    assert bytes(text_bytes(texts[1:3])) == "zwölf".encode()
    assert bytes(text_bytes(texts[:0])) == b""
