"""How long a page of a large training sheet's pairs takes: the first look, which judges the sheet, and every one after.

    python bench/sheet_page.py [--pairs 1000000] [--rounds 5]

Prints milliseconds, the median of the rounds, for what the page of a sheet asks for. The verdicts are read from a file:
"again" is in a process that has counted these filters before.
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
            new, known = [], []
            for _ in range(asked.rounds):
                rows = SheetRows(folder / "rows", policy)
                rows.remember("large", stamp, digest)
                new.append(seconds(looked(rows, **of)))
                known.append(seconds(looked(rows, **of)))
            print(
                f"{words:>24}: {1000 * statistics.median(new):4.0f} ms, again {1000 * statistics.median(known):4.0f} ms"
            )


if __name__ == "__main__":
    main()
