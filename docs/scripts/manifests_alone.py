"""Where a pair stands and who allowed it, from the manifests alone: with DuckDB, and no code of training_pipeline.

    python docs/scripts/manifests_alone.py STATE_DIR/datasets PAIR [SHEET]

Prints a JSON object a line for each dataset whose sheet has the pair: its digest and training sheet, the split, or the
reason why it was excluded, and who approved it and set its usage constraints.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

COLUMNS = ("pair_id", "row_hash", "split", "reason", "reviewed_by", "reviewed_at", "constraints_set_by")


def main(datasets: str, pair: str, sheet: str | None = None) -> None:
    """Look into every manifest."""
    for head in sorted(Path(datasets).glob("*/dataset.json")):
        training_sheet = json.loads(head.read_text(encoding="utf-8"))["sheet_id"]
        if sheet not in {None, training_sheet}:
            continue
        query = f"SELECT {', '.join(COLUMNS)} FROM read_parquet(?) WHERE pair_id = ? ORDER BY row_hash"  # noqa: S608
        for row in duckdb.execute(query, [str(head.with_name("manifest.parquet")), pair]).fetchall():
            said = {
                "dataset": head.parent.name,
                "training_sheet": training_sheet,
                **dict(zip(COLUMNS, row, strict=True)),
            }
            sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
