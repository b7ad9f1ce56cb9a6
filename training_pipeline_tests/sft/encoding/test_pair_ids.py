from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.sft.encoding.pair_ids import listed, pair_ids, quoted

ROWS = {"pair_id": ["a", "b", "c", "d"], "split": ["train", None, "validation", "train"], "reason": ["", "x", "", ""]}


def test_a_split_has_its_own_pairs_in_order(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.parquet"
    pq.write_table(pa.table(ROWS), manifest, row_group_size=2)
    assert list(pair_ids(manifest, "train")) == ["a", "d"]
    assert list(pair_ids(manifest, "validation")) == ["c"]


def test_what_is_no_manifest_names_nothing(tmp_path: Path) -> None:
    broken, other = tmp_path / "broken", tmp_path / "other"
    broken.write_bytes(b"PAR1")
    pq.write_table(pa.table({"id": ["a"]}), other)
    for manifest in (None, tmp_path / "gone", broken, other):
        assert list(pair_ids(manifest, "train")) == []


def test_the_first_ten_are_named() -> None:
    assert listed(["a"], 1) == "pair 'a'"
    assert listed(["a", "b"], 2) == "pairs 'a', 'b'"
    assert listed([str(number) for number in range(12)], 12).endswith("'8', '9' and 2 more")


@given(st.text(max_size=300))
def test_an_id_is_one_short_line_whatever_it_is(pair_id: str) -> None:
    shown = quoted(pair_id)
    assert len(shown.splitlines()) == 1
    if len(pair_id) <= 100 and pair_id.isascii() and pair_id.isalnum():
        assert shown == f"'{pair_id}'"
