"""How long a page of a large training sheet's pairs takes: the first look, which judges the sheet, and every one after.

    python bench/sheet_page.py [--pairs 1000000] [--rounds 5]

Prints medians of milliseconds for what the page of a sheet asks for: by the clock, and of all processors together, as
others may use the machine, too. The verdicts are read from a file.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
from sheet import make_sheet

from training_pipeline.datasets.sheet_rows import ELIGIBLE, SheetRows
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sheets.files.source import FileTrainingSheets

HEAD = {
    "name": "Large",
    "status": "approved",
    "source_sheet": {"id": "cases", "name": "Cases"},
    "prompt_template": {"id": "which", "name": "Which"},
}


def cost(call: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the clock, and of all processors together, that a call takes."""
    start, work = time.perf_counter(), time.process_time()
    call()
    return 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - work)


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sheet(folder / "large.parquet", asked.pairs)
        (folder / "large.yaml").write_text(yaml.safe_dump(HEAD))
        sheets, policy = FileTrainingSheets([folder]), GatePolicy()
        stamp = sheets.stamp("large")

        def judge(rows: SheetRows) -> None:
            with sheets.open("large") as opened:
                rows.judge(opened, stamp=stamp)

        first = SheetRows(folder / "rows", policy)
        print(f"first look, which judges {asked.pairs:,} pairs: {seconds(lambda: judge(first)):.1f} s")
        digest = first.digest("large", stamp)
        assert digest is not None

        def looked(rows: SheetRows, **filters: object) -> Callable[[], object]:
            def look() -> None:
                assert rows.digest("large", sheets.stamp("large")) == digest
                rows.page("large", digest, **filters)  # type: ignore[arg-type]

            return look

        total = first.page("large", digest).total
        filters: dict[str, dict[str, object]] = {
            "the first page": {},
            "the last page": {"after": total - 50},
            "may be trained on": {"reason": ELIGIBLE},
            "of one reason": {"reason": "duplicate"},
            "of one status": {"status": "rejected"},
            "search in ids": {"search": "9999"},
            "search that most have": {"search": "1", "status": "labeled"},
        }
        for words, of in filters.items():
            costs = [cost(looked(first, **of)) for _ in range(asked.rounds)]
            clock, work = (statistics.median(column) for column in zip(*costs, strict=True))
            print(f"{words:>24}: {clock:4.0f} ms, {work:4.0f} ms of processors", flush=True)


if __name__ == "__main__":
    main()
