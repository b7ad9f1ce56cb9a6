"""What one launch reads of a training sheet, by format: its steps share one reading, and the last one reads anew.

    python bench/sheet_reads.py [--pairs 20000] [--anew]

With `--anew`, each step opens the sheet for itself.

Prints, for the same pairs as JSONL, CSV and Parquet, how often each step of a launch reads the file from end to end,
and its processor seconds. What is read from spilled tables counts, too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import duckdb

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
from prepare import HEAD
from sheet import make_sheet

from training_pipeline.datasets.compare import recheck
from training_pipeline.datasets.labels import labels_of
from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.verify import gate_failures, held_out_in_train
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.files.source import SETTLED_NS, FileTrainingSheets
from training_pipeline.sheets.one_reading import OneReading

T = TypeVar("T")
POLICY = GatePolicy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--anew", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sheet(folder / "sheet.parquet", asked.pairs)
        for ending, options in {"jsonl": "FORMAT json", "csv": "FORMAT csv", "parquet": "FORMAT parquet"}.items():
            each = folder / ending
            each.mkdir()
            duckdb.execute(
                f"COPY ({_columns(ending)} FROM '{folder}/sheet.parquet') TO '{each}/sheet.{ending}' ({options})"
            )
            (each / "sheet.yaml").write_text(HEAD)
            time.sleep(2 * SETTLED_NS / 1e9)
            launch(each / f"sheet.{ending}", spill=folder / "spill", anew=asked.anew)


def _columns(ending: str) -> str:
    """CSV holds lists as JSON."""
    lists = ("messages", "allowed_uses", "prohibited_uses", "label_allowed_uses", "label_prohibited_uses")
    return "SELECT *" if ending != "csv" else f"SELECT * REPLACE ({', '.join(f'to_json({x}) AS {x}' for x in lists)})"


def launch(data: Path, *, spill: Path, anew: bool) -> None:
    """The steps of a launch that read the sheet."""
    once = OneReading(FileTrainingSheets([data.parent], temp_directory=spill))
    size = data.stat().st_size
    print(f"{data.suffix[1:]}, {size / 1e6:,.0f} MB")
    totals = [0.0, 0.0]

    def step(name: str, of: Callable[[OpenSheet], T]) -> T:
        read, spent = bytes_read(), time.process_time()
        if anew or name == "unchanged":
            once.close()
        with once.open("sheet") as opened:
            found = of(opened)
        costs = [(bytes_read() - read) / size, time.process_time() - spent]
        totals[:] = map(sum, zip(totals, costs, strict=True))
        tell(name, *costs)
        return found

    def split(opened: OpenSheet) -> Any:
        plan = split_snapshot(opened, taken, ratio=0.8, seed="bench", min_pairs=10)
        return write_dataset(opened, taken, plan, root=data.parent / "datasets")

    step("labels", labels_of)
    taken = step("judge", lambda opened: snapshot(opened, POLICY, directory=data.parent / "snapshots"))
    step("gates again", lambda opened: gate_failures(opened, taken))
    made = step("split and write", split)
    step("held-out questions", lambda opened: held_out_in_train(opened, taken))
    step("unchanged", lambda opened: recheck(opened, made, POLICY))
    tell("all", *totals)


def tell(name: str, reads: float, spent: float) -> None:
    print(f"{name:>20}: {reads:5.1f} times the file, {spent:6.2f} processor seconds", flush=True)


def bytes_read() -> int:
    """What this process has read so far, of files that are in memory, too."""
    return int(Path("/proc/self/io").read_text().split()[1])


if __name__ == "__main__":
    main()
