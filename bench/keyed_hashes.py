"""What keys of hashes cost: preparing a dataset with and without one, and looking a row up under 1 key and under 100.

    python bench/keyed_hashes.py                     # 100,000 pairs
    python bench/keyed_hashes.py --pairs 1_000_000

Both are measured in turns within the same run. Seconds of preparing are processor time of this process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from scratch import scratch_postgres

from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.manifest import KEYED_MANIFEST_SCHEMA
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.uses import question
from training_pipeline.models.uses.ask import uses
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.testing.models.used_rows import dataset_of, hashed, job_with, row
from training_pipeline.testing.sheets.hash_keys import KeysInMemory, key_number
from training_pipeline.testing.sheets.pairs import open_sheet, pair
from training_pipeline.training_jobs.store.hash_keys import HashKeyStore
from training_pipeline.training_jobs.store.jobs import JobStore

#: How many rows are looked up.
ASKED = 200


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", type=int, default=100_000)
    arguments.add_argument("--turns", type=int, default=2)
    given = arguments.parse_args()
    look_up(given.pairs)
    prepare(given.pairs, given.turns)


def prepare(pairs: int, turns: int) -> None:
    """Judge, split and write the dataset of a sheet, with a key and without one in turns."""
    opened = open_sheet([pair(number) for number in range(pairs)])
    key = key_number(1)
    seconds: dict[HashKey | None, list[float]] = {None: [], key: []}
    for _ in range(turns):
        for one, of_one in seconds.items():
            with tempfile.TemporaryDirectory() as directory:
                start = time.process_time()
                taken = snapshot(opened, GatePolicy(), directory=Path(directory), key=one)
                keys = KeysInMemory([key])
                plan = split_snapshot(opened, taken, ratio=0.8, seed="s", min_pairs=2, keys=keys)
                write_dataset(opened, taken, plan, root=Path(directory), keys=keys)
                of_one.append(time.process_time() - start)
    plain, keyed = (min(of_one) for of_one in seconds.values())
    print(f"Preparing {pairs:,} pairs: {plain:.2f} s without a key, {keyed:.2f} s with one: {keyed / plain:.3f} times")


def look_up(pairs: int) -> None:
    """Ask for rows by the hash of their example, with 1 key that can be read and with 100."""
    with scratch_postgres() as (_, database, directory):
        store = JobStore(database.engine())
        keys = HashKeyStore(store, directory / "keys")
        key = keys.made("sheet-0")
        rows = [row(f"p-{number}", "train", hash_key=key.id) for number in range(pairs)]
        rows = [{**one, "row_hash": key.of(one["row_hash"])} for one in rows]
        table = pa.Table.from_pylist(rows, KEYED_MANIFEST_SCHEMA)
        dataset = dataset_of(directory, "sheet-0", table).model_copy(update={"hash_key": key.id})
        job_with(store, UseIndex(store), "sheet-0", dataset, version="1")
        for count in (1, 100):
            for number in range(len(keys.records()), count):
                keys.made(f"sheet-{number}")
            seconds = []
            for number in range(ASKED):
                wanted = question({"row_hash": hashed(f"example p-{number * (pairs // ASKED)}")})
                start = time.perf_counter()
                uses(store, wanted, keys)
                seconds.append(time.perf_counter() - start)
            p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
            print(f"Looking up one of {pairs:,} rows under {count} keys: {p50:.1f} ms, 95 %: {p95:.1f} ms")
        store.engine.dispose()


if __name__ == "__main__":
    main()
