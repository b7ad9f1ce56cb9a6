"""The text of a dataset is compared as its sheet is, as long as it is there."""

from __future__ import annotations

from pathlib import Path

from training_pipeline.datasets.judging import copies_plan
from training_pipeline.datasets.stored_examples import said, stored_copies, stored_examples
from training_pipeline.datasets.verdicts import named_examples
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.sheets.engine import DUCKDB_SQL
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.sheets.pairs import chat, open_sheet, pair
from training_pipeline_tests.datasets.test_prepare import prepare

TOOLS = '[{"type":"function","function":{"name":"look_up"}}]'


def test_rows_are_hashed_as_their_sheet_is_until_their_text_is_gone(tmp_path: Path) -> None:
    rows = [pair(number) for number in range(20)]
    rows[3] |= {"messages": [{"role": "system", "content": "Be brief."}, *chat("Wo?", "Dort. ")], "tools": TOOLS}
    opened = open_sheet(rows)
    dataset = prepare(opened, tmp_path)
    manifest = read_manifest(dataset)
    hashes = dict(zip(manifest.pair_id, manifest.row_hash, strict=True))
    shown = named_examples(opened, Withdrawn(named=(("pair", "p-000003"), ("item", "item-5"))))
    expected = {str(row["row_hash"]): said(row) for row in shown}
    assert all(one is not None and len(one.shown) == len(one.asked) == 1 for one in expected.values())
    assert expected.keys() == {hashes["p-000003"], hashes["p-000005"]}
    assert stored_examples(dataset, [*expected, "of no row"]) == expected
    with opened.engine.work_out(copies_plan(DUCKDB_SQL), opened.pairs) as table:
        copies = {row["pair_id"]: row["copy_hash"] for row in table.to_pyarrow().to_pylist()}
    assert stored_copies(dataset, hashes.values()) == {hashes[pair_id]: copies[pair_id] for pair_id in hashes}
    dataset.train_file.unlink()
    assert (stored_examples(dataset, expected), stored_copies(dataset, expected)) == ({}, {})
