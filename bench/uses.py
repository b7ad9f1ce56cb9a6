"""How fast it is said which models learned from a row, with how many bytes a use, and what indexing a dataset takes.

    python bench/uses.py                                             # ten million uses
    python bench/uses.py --sheets 10 --uses 10_000_000 100_000_000 1_000_000_000

Each sheet has `--pairs` pairs: ten a canonical label and five an item, scattered over the sheet, two a question. Sheets
have their names two by two: what is asked for is in two sheets. The first dataset of a sheet is indexed from its
manifest; the further ones split the same pairs at random, one job and one model version each, until there are as many
uses as asked for. They are stored up to 32 at a time, as they are once what indexing them one by one replaced is
cleared away. A use is a pair in a split of a dataset. Questions are asked as the REST API asks them; a new process
would open its connection first. Beside each figure by the clock stands what this process and the server worked.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import psutil
from numpy.typing import NDArray
from scratch import scratch_postgres
from sqlalchemy import Connection, text

from training_pipeline.datasets.rows_file import GROUP
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.uses import Kind, question
from training_pipeline.models.uses.ask import uses
from training_pipeline.models.uses.cells import CHUNK, SLOTS, mark, unpacked
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.models.uses.numbering import stored_blocks
from training_pipeline.testing.models.used_rows import dataset_at, hashed, job_with
from training_pipeline.training_jobs.store.jobs import JobStore

#: How many questions of a kind are asked.
ASKED = 100


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sheets", type=int, default=2)
    arguments.add_argument("--pairs", type=int, default=1_000_000)
    arguments.add_argument("--uses", type=int, nargs="+", default=[10_000_000])
    given = arguments.parse_args()
    with scratch_postgres() as (server, database, directory):
        store = JobStore(database.engine())
        pid = server.pid()
        if pid is None:
            raise SystemExit("the server does not run")
        bench = Bench(store, pid, directory, given.sheets, given.pairs)
        bench.number()
        for count in sorted(given.uses):
            bench.grow(count)
            bench.report()
        bench.write()
        store.engine.dispose()


class Bench:
    """One index that grows."""

    def __init__(self, store: JobStore, server: int, directory: Path, sheets: int, pairs: int) -> None:
        self.server = server
        self.store, self.index, self.directory = store, UseIndex(store), directory
        self.sheets, self.pairs = sheets, pairs
        self.rng = np.random.default_rng(7)
        self.datasets: list[DatasetRef] = []
        self.count = 0

    def number(self) -> None:
        """The first dataset of each sheet, as a job of it is indexed."""
        for sheet in range(self.sheets):
            dataset = self.made(f"sheet-{sheet}", f"s{sheet}", str(sheet // 2), split=0)
            job_with(self.store, self.index, f"sheet-{sheet}", dataset, version="1", model_name=f"m{sheet}")
            self.datasets.append(dataset)
        self.count = self.sheets * self.pairs
        with self.store.begin() as connection:
            connection.execute(text("ANALYZE"))
        numbered = self.size("use_rows")
        print(f"{self.count:,} rows of {self.sheets} sheets are numbered: {numbered / self.count:.0f} bytes a row")

    def grow(self, uses: int) -> None:
        """Further datasets of the same pairs, until there are so many uses."""
        while self.count < uses:
            for sheet in range(self.sheets):
                missing = -(-(uses - self.count) // self.pairs)
                # As many in each sheet, as far as its block has room.
                made = self.further(sheet, -(-missing // (self.sheets - sheet)))
                self.count += made * self.pairs
        self.vacuum("VACUUM ANALYZE")

    def further(self, sheet: int, wanted: int) -> int:
        """Further datasets of a sheet, as many as its block has room for; how many that were."""
        sheet_id, path = f"sheet-{sheet}", self.datasets[sheet].path
        made = []
        with self.store.begin() as connection:
            slots = "SELECT sheet_no, slots FROM use_sheets WHERE training_sheet_id = :sheet FOR UPDATE"
            sheet_no, first = connection.execute(text(slots), {"sheet": sheet_id}).tuples().one()
            last = min(first + wanted, (first // SLOTS + 1) * SLOTS)
            codes = [np.where(self.rng.random(self.pairs) < 0.8, 1, 2).astype(np.uint8) for _ in range(first, last)]
            self.store_block(connection, sheet_no, first, codes)
            for slot in range(first, last):
                digest = hashed(f"dataset {slot} of {sheet}")
                connection.execute(
                    text("INSERT INTO use_datasets VALUES (:sheet_no, :slot, :digest, :path, :digest, true, now())"),
                    {"sheet_no": sheet_no, "slot": slot, "digest": digest, "path": str(path)},
                )
                sides = {"train": int((codes[slot - first] == 1).sum())}
                sides["validation"] = self.pairs - sides["train"]
                made.append(dataset_at(path, sheet_id, sides, digest=digest))
            counted = "UPDATE use_sheets SET slots = :slots WHERE sheet_no = :sheet_no"
            connection.execute(text(counted), {"slots": last, "sheet_no": sheet_no})
        for dataset in made:
            version = str(len(self.datasets))
            job_with(self.store, None, sheet_id, dataset, version=version, model_name=f"m{sheet}")
            self.datasets.append(dataset)
        return len(made)

    def store_block(self, connection: Connection, sheet_no: int, first: int, codes: list[NDArray[np.uint8]]) -> None:
        """What datasets of one block did with all rows of their sheet."""
        block = first // SLOTS
        for chunk in range(-(-self.pairs // CHUNK)):
            rows = np.arange(min(CHUNK, self.pairs - chunk * CHUNK))
            cells = unpacked(stored_blocks(connection, sheet_no, [chunk], block).get(chunk), len(rows))
            for slot, of_dataset in enumerate(codes, start=first):
                mark(cells, slot, rows, of_dataset[chunk * CHUNK : (chunk + 1) * CHUNK])
            connection.execute(
                text(
                    "INSERT INTO use_verdicts VALUES (:sheet_no, :chunk, :block, :cells)"
                    " ON CONFLICT (sheet_no, chunk, block) DO UPDATE SET cells = excluded.cells"
                ),
                {"sheet_no": sheet_no, "chunk": chunk, "block": block, "cells": cells.tobytes()},
            )

    def vacuum(self, statement: str) -> None:
        """Clear away what was replaced."""
        engine = self.store.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))

    def report(self) -> None:
        """Bytes, and how long each kind of question takes."""
        size = self.size("use_verdicts")
        print(f"\n{self.count:,} uses in {len(self.datasets):,} datasets: {size / self.count:.2f} bytes a use")
        print(f"load {psutil.getloadavg()[0]:.1f}, a bare SELECT 1 {self.bare():.1f} ms")
        asked: dict[Kind, Callable[[int], str]] = {
            "pair": lambda n: f"pair-{self.twin(n)}-{n:09d}",
            "row_hash": lambda n: hashed(f"s{n % self.sheets}{n}0"),
            "question_hash": lambda n: hashed(f"s{n % self.sheets}{n // 2}", 32),
            "item": lambda n: f"item {self.twin(n)}-{n % (self.pairs // 5)}",
            "label": lambda n: f"label {self.twin(n)}-{n % (self.pairs // 10)}",
            "sheet": lambda n: f"sheet-{n % self.sheets}",
            "template": lambda _: "triage",
        }
        print(f"  {'asked for':<18}{'p50 ms':>9}{'p95 ms':>9}{'worked ms':>11}{'datasets':>10}")
        for kind, name in asked.items():
            self.time(kind, [name(int(n)) for n in self.rng.integers(0, self.pairs, ASKED)])
        self.time("pair", [f"nobody {n}" for n in range(5)], "unknown pair")

    def twin(self, number: int) -> int:
        """Which two sheets a name is of: chosen by the number, and always the same for one."""
        return number % self.sheets // 2

    def bare(self) -> float:
        """Milliseconds of a question without a table, the median of some."""
        seconds = []
        for _ in range(20):
            start = time.perf_counter()
            with self.store.begin() as connection:
                connection.execute(text("SELECT 1"))
            seconds.append(time.perf_counter() - start)
        return float(np.median(seconds)) * 1000

    def time(self, kind: Kind, values: list[str], shown: str | None = None) -> None:
        """Ask, and print how long the answers took."""
        seconds, datasets, worked = [], 0, self.worked()
        for value in values:
            start = time.perf_counter()
            try:
                found = uses(self.store, question({kind: value}))
                datasets = max(datasets, sum(len(sheet.datasets) for sheet in found.sheets))
            except NotFound:
                if shown is None:
                    raise
            seconds.append(time.perf_counter() - start)
        each = (self.worked() - worked) / len(values) * 1000
        p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
        print(f"  {shown or kind:<18}{p50:9.1f}{p95:9.1f}{each:11.1f}{datasets:10,}", flush=True)

    def write(self) -> None:
        """What indexing a dataset of a sheet takes, where its rows are numbered already and where all are new."""
        print(f"\nIndexing a dataset of {self.pairs:,} pairs:")
        for name, sheet, letters, split in (("rows numbered", "sheet-0", "s0", 1), ("all rows new", "new", "new", 0)):
            dataset = self.made(sheet, letters, "0", split=split)
            start, worked = time.perf_counter(), self.worked()
            record = self.index.prepare(sheet, dataset)
            prepared, working = time.perf_counter(), self.worked()
            with self.store.begin() as connection:
                record(connection)
            done = time.perf_counter()
            print(
                f"  {name:<18}{prepared - start:8.1f} s before the transaction ({working - worked:.1f} s of processor"
                f" time, here and in the server), {(done - prepared) * 1000:.1f} ms in it"
            )

    def worked(self) -> float:
        """Processor seconds of this process and of the server's."""
        children = psutil.Process(self.server).children(recursive=True)
        return time.process_time() + sum(sum(child.cpu_times()[:2]) for child in children)

    def made(self, sheet_id: str, letters: str, twin: str, *, split: int) -> DatasetRef:
        """A dataset of a sheet; its manifest has the same rows whatever the split, and other sides.

        Its hashes are of its own `letters`, its names those of every sheet of the same `twin`.
        """
        path = self.directory / "datasets" / hashed(f"{letters} {split}")
        path.mkdir(parents=True)
        query = f"""
            COPY (
                SELECT printf('pair-{twin}-%09d', n) AS pair_id, sha256('{letters}' || n || '0') AS row_hash,
                    CASE WHEN hash(n, {split}) % 5 < 4 THEN 'train' ELSE 'validation' END AS split,
                    NULL::VARCHAR AS reason, n AS component,
                    'label {twin}-' || (n % {self.pairs // 10}) AS canonical_label_id,
                    'item {twin}-' || (n % {self.pairs // 5}) AS item_ref, 'internal' AS classification,
                    'grace' AS reviewed_by, '2026-11-01' AS reviewed_at, 'sam' AS constraints_set_by,
                    '2026-11-01' AS constraints_set_at, '3' AS gate_policy_version,
                    left(sha256('{letters}' || (n // 2)), 32) AS prompt_hash
                FROM range({self.pairs}) AS numbers (n) ORDER BY n
            ) TO '{path}/manifest.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP})
        """
        with duckdb.connect() as engine:
            engine.execute(query)
        train = self.pairs * 4 // 5
        return dataset_at(path, sheet_id, {"train": train, "validation": self.pairs - train})

    def size(self, table: str) -> int:
        """Bytes of a table with its indexes."""
        query = text("SELECT pg_total_relation_size(to_regclass(:table))")
        with self.store.begin() as connection:
            return int(connection.execute(query, {"table": table}).scalar_one())


if __name__ == "__main__":
    main()
