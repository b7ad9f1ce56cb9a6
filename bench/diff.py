"""How long it takes to say what changed between two datasets, against the same with pandas.

    python bench/diff.py                 # two manifests of a million rows
    python bench/diff.py --rows 100_000

A fifth of the rows is excluded, one text in a hundred is another one, a tenth of the included pairs is on the other
side of the split, and one id in twenty is in one of the two only.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.datasets.diff import diff
from training_pipeline.domain.manifest import MANIFEST_SCHEMA
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.domain.refs import DatasetRef


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    rows = arguments.parse_args().rows
    with tempfile.TemporaryDirectory() as directory:
        first, second = Path(directory) / "first.parquet", Path(directory) / "second.parquet"
        make(first, rows, start=0, seed=1)
        make(second, rows, start=rows // 20, seed=2)
        ours, our_cost = timed(lambda: with_ours(first, second))
        theirs, their_cost = timed(lambda: with_pandas(first, second))
    assert ours == theirs, (ours, theirs)
    print(f"two manifests of {rows:,} rows: " + ", ".join(f"{count:,} {change}" for change, count in ours.items()))
    for name, (wall, cpu) in (("ours, with a page of 100 pairs", our_cost), ("pandas, the counts only", their_cost)):
        print(f"  {name:<32}{wall:6.2f} s, {cpu:6.2f} s of processor time")
    print(f"  ratio of processor time {our_cost[1] / their_cost[1]:.2f}")


def make(path: Path, rows: int, *, start: int, seed: int) -> None:
    """The same manifest for the same arguments."""
    rng = np.random.default_rng(seed)
    number = np.arange(start, start + rows)
    text = np.where(rng.random(rows) < 0.01, number + 10**9 * seed, number)
    excluded = number % 5 == 0
    moved = (rng.random(rows) < 0.1) & (seed == 2)
    side = np.where((number % 7 == 1) ^ moved, "validation", "train")
    columns: dict[str, Any] = {field.name: pa.nulls(rows, field.type) for field in MANIFEST_SCHEMA}
    columns["pair_id"] = [f"pair-{each:09}" for each in number]
    columns["row_hash"] = [f"{each:064x}" for each in text]
    columns["split"] = pa.array(side, mask=excluded)
    columns["reason"] = pa.array(np.full(rows, "unlabeled"), mask=~excluded)
    pq.write_table(pa.table(columns, schema=MANIFEST_SCHEMA), path, compression="zstd", compression_level=1)


def with_ours(first: Path, second: Path) -> dict[str, int]:
    """The counts that the product gives, with its first page."""
    one, two = (
        cast("DatasetRef", SimpleNamespace(manifest_file=path, digest="", hash_key=None)) for path in (first, second)
    )
    return {str(change): count for change, count in diff(one, two).counts.items() if count is not None}


def with_pandas(first: Path, second: Path) -> dict[str, int]:
    """The same counts, with an outer join of two frames. No example has two ids here."""
    columns = ["pair_id", "row_hash", "split"]
    one, two = (pd.read_parquet(path, columns=columns).dropna(subset="split") for path in (first, second))
    both = one.merge(two, on="pair_id", how="outer", suffixes=("_1", "_2"), indicator=True)
    kept = both[both["_merge"] == "both"]
    return {
        PairChange.ADDED: int((both["_merge"] == "right_only").sum()),
        PairChange.REMOVED: int((both["_merge"] == "left_only").sum()),
        PairChange.EDITED: int((kept["row_hash_1"] != kept["row_hash_2"]).sum()),
        PairChange.RENAMED: 0,
        PairChange.MOVED: int((kept["split_1"] != kept["split_2"]).sum()),
    }


def timed(work: Callable[[], dict[str, int]]) -> tuple[dict[str, int], tuple[float, float]]:
    """What it gives, with its seconds and its seconds of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, (time.perf_counter() - wall, time.process_time() - cpu)


if __name__ == "__main__":
    main()
