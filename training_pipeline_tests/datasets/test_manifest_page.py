from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.datasets.manifest_page import Part, manifest_page
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.manifest import MANIFEST_SCHEMA

PARTS: tuple[Part, ...] = ("included", "train", "validation", "excluded")


def manifest(path: Path, splits: list[str | None], *, group: int = 1000) -> Any:
    """A dataset with nothing but a manifest; its rows have numbered ids, every third excluded one none."""
    rows = [
        {
            **dict.fromkeys(MANIFEST_SCHEMA.names),
            "pair_id": None if split is None and n % 3 == 0 else f"p{n}",
            "split": split,
        }
        for n, split in enumerate(splits)
    ]
    pq.write_table(pa.Table.from_pylist(rows, MANIFEST_SCHEMA), path, row_group_size=group)
    return SimpleNamespace(manifest_file=path, digest="d")


@given(
    st.lists(st.sampled_from(["train", "validation", None]), max_size=30),
    st.sampled_from(PARTS),
    st.integers(1, 7),
    st.integers(1, 9),
)
def test_pages_together_are_the_part_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, splits: list[str | None], part: Part, limit: int, group: int
) -> None:
    dataset = manifest(tmp_path_factory.mktemp("m") / "manifest.parquet", splits, group=group)
    wanted: dict[Part, set[str | None]] = {
        "included": {"train", "validation"},
        "train": {"train"},
        "validation": {"validation"},
        "excluded": {None},
    }
    expected = [split for split in splits if split in wanted[part]]
    found: list[dict[str, Any]] = []
    start: int | None = 0
    while start is not None:
        page = manifest_page(dataset, part, start=start, limit=limit)
        assert len(page.rows) == limit or page.next_row is None
        found += page.rows.to_pylist()
        start = page.next_row
    assert [row["split"] for row in found] == expected
    ids = [row["pair_id"] for row in found if row["pair_id"] is not None]
    assert ids == sorted(ids, key=lambda pair_id: int(pair_id[1:]))


def test_a_search_finds_its_text_in_any_id_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    dataset = manifest(tmp_path / "manifest.parquet", ["train", None] * 30, group=7)
    first = manifest_page(dataset, "train", search="P1", limit=3)
    assert first.rows["pair_id"].to_pylist() == ["p10", "p12", "p14"]
    assert first.next_row is not None
    rest = manifest_page(dataset, "train", search="P1", start=first.next_row)
    assert rest.rows["pair_id"].to_pylist() == ["p16", "p18"]
    assert rest.next_row is None
    assert len(manifest_page(dataset, "excluded", search="p1.").rows) == 0


def test_a_place_beyond_the_end_has_no_rows(tmp_path: Path) -> None:
    dataset = manifest(tmp_path / "manifest.parquet", ["train"] * 3)
    assert len(manifest_page(dataset, "train", start=99).rows) == 0


def test_a_manifest_that_cannot_be_read_is_unavailable(tmp_path: Path) -> None:
    dataset = manifest(tmp_path / "manifest.parquet", ["train"])
    (tmp_path / "manifest.parquet").write_bytes(b"no parquet")
    with pytest.raises(Unavailable, match="cannot be read"):
        manifest_page(dataset, "train")
