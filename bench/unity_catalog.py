"""How much memory a large sheet takes here when it is read from tables: the same path on tables and on a file.

    python bench/unity_catalog.py --pairs 200_000

Each path is a process of its own; memory is its peak resident set. The warehouse is the stand-in of the tests, in
another process, and DuckDB: its time says nothing about a warehouse, and the ratio of the times only how
much sending and receiving adds. Both paths must come to the same dataset.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from prepare import HEAD, ITEMS, RATIO, SEED, SHEET, measure

sys.path.insert(0, str(Path(__file__).parent.parent))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", type=int, default=200_000)
    arguments.add_argument("--directory", type=Path, default=Path("/tmp/training_pipeline_bench_tables"))
    arguments.add_argument("--memory", default="500MB", help="DuckDB's memory limit")
    arguments.add_argument("--run", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.run == "serve":
        serve_tables(given.directory)
        return
    if given.run:
        print(json.dumps(run(given.run, given.directory, given.memory)))
        return
    shutil.rmtree(given.directory, ignore_errors=True)
    given.directory.mkdir(parents=True)
    try:
        compare(given)
    finally:
        shutil.rmtree(given.directory, ignore_errors=True)


def compare(given: argparse.Namespace) -> None:
    made = [sys.executable, "-c", "import sys, sheet; sheet.make_sheet(sys.argv[1], int(sys.argv[2]))"]
    target = given.directory / f"{SHEET}.parquet"
    subprocess.run([*made, str(target), str(given.pairs)], cwd=Path(__file__).parent, check=True)
    (given.directory / f"{SHEET}.yaml").write_text(HEAD)
    print(f"{given.pairs:,} pairs, {target.stat().st_size / 1e6:,.0f} MB of Parquet; DuckDB may use {given.memory}")
    # In a process of its own: a child's peak memory would begin at that of the process it was forked from.
    command = [sys.executable, __file__, "--run", "serve", "--directory", str(given.directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        found = {name: measure(name, given, script=__file__) for name in ("file", address)}
        server.communicate("")
    for name, measured in found.items():
        against = measured["wall"] / found["file"]["wall"]
        kind = "file" if name == "file" else "tables"
        print(f"{kind:>7}: {measured['wall']:7.1f} s  {measured['peak_mb']:6,.0f} MB  {against:5.2f} x file")
    same = found["file"]["result"] == found[address]["result"]
    print("   the same dataset" if same else f"   OTHER RESULTS: {found}")
    if not same:
        sys.exit(1)


def serve_tables(directory: Path) -> None:
    """The workspace with the sheet in its tables, until the standard input ends; says where it listens."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from training_pipeline.testing.databricks.sheet_tables import PAIRS, head, put_heads
    from training_pipeline.testing.databricks_workspace.app import serve
    from training_pipeline.testing.databricks_workspace.tables import tables

    with serve(directory / "workspace") as workspace:
        rows = pq.read_table(directory / f"{SHEET}.parquet")
        put_heads(workspace, [head(SHEET)])
        tables(workspace).put(PAIRS, rows.append_column("training_sheet_id", pa.array([SHEET] * len(rows))))
        print(workspace.url, flush=True)
        sys.stdin.read()


def run(name: str, directory: Path, memory: str) -> dict[str, Any]:
    from training_pipeline.databricks.statements import Statements
    from training_pipeline.databricks.workspace import Connection
    from training_pipeline.datasets.prepare import write_dataset
    from training_pipeline.datasets.snapshot import snapshot
    from training_pipeline.datasets.split import split_snapshot
    from training_pipeline.domain.rules.policy import GatePolicy
    from training_pipeline.sheets.base import TrainingSheetSource
    from training_pipeline.sheets.files.source import FileTrainingSheets
    from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets

    spill = directory / f"spill-{name.partition(':')[0]}"
    source: TrainingSheetSource = FileTrainingSheets([directory], memory_limit=memory, temp_directory=spill)
    if name != "file":
        connection = Connection(60, 60, {"host": name, "token": "dapi-stand-in", "auth_type": "pat"})
        tables = ("main.training.training_sheets", "main.training.qa_pairs")
        source = UnityCatalogSheets(
            connection, Statements(connection, "wh-1"), *tables, memory_limit=memory, temp_directory=spill
        )
    out = directory / f"out-{name.partition(':')[0]}"
    started = time.perf_counter()
    with source.open(SHEET) as opened:
        taken = snapshot(opened, GatePolicy(instruction_prompt_items=ITEMS), directory=out / "snapshots")
        plan = split_snapshot(opened, taken, ratio=RATIO, seed=SEED, min_pairs=10)
        made = write_dataset(opened, taken, plan, root=out / "datasets")
    print(f"   {time.perf_counter() - started:.1f} s without imports", file=sys.stderr)
    return {"dataset": made.digest, "pairs": made.train_pairs + made.validation_pairs, "total": made.summary.total}


if __name__ == "__main__":
    main()
