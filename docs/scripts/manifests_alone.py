"""Where a pair stands and who allowed it, from the manifests alone: with DuckDB, and no code of training_pipeline.

    python docs/scripts/manifests_alone.py STATE_DIR/datasets PAIR [SHEET]
    python docs/scripts/manifests_alone.py STATE_DIR/datasets --example FILE [KEY_FILE ...]

The second finds a pair by its example, a line as in `train.jsonl`. In manifests whose hashes are under a key only with
the file of that key, whose name is its id: STATE_DIR/keys/ID. Without it, standard error names what was not searched.

Prints a JSON object a line for each dataset whose sheet has the pair: its digest and training sheet, the split, or the
reason why it was excluded, and who approved it and set its usage constraints.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from pathlib import Path

import duckdb

COLUMNS = ("pair_id", "row_hash", "split", "reason", "reviewed_by", "reviewed_at", "constraints_set_by")


def by_example(datasets: str, example: str, *key_files: str) -> None:
    """Look for an example in every manifest that can be searched, and name the others."""
    keys = {Path(file).name: Path(file).read_bytes() for file in key_files}
    hashed = hashlib.sha256(Path(example).read_bytes().rstrip(b"\n")).hexdigest()
    for head in sorted(Path(datasets).glob("*/dataset.json")):
        stated = json.loads(head.read_text(encoding="utf-8"))
        key, wanted = stated.get("hash_key"), hashed
        if key is not None and key not in keys:
            sys.stderr.write(f"not searched: {head.parent.name}, whose hashes are under the key {key}\n")
            continue
        if key is not None:
            wanted = hmac.new(keys[key], hashed.encode(), "sha256").hexdigest()
        _print(head, stated["sheet_id"], "row_hash", wanted)


def main(datasets: str, pair: str, sheet: str | None = None) -> None:
    """Look into every manifest."""
    for head in sorted(Path(datasets).glob("*/dataset.json")):
        training_sheet = json.loads(head.read_text(encoding="utf-8"))["sheet_id"]
        if sheet not in {None, training_sheet}:
            continue
        _print(head, training_sheet, "pair_id", pair)


def _print(head: Path, training_sheet: str, column: str, value: str) -> None:
    query = f"SELECT {', '.join(COLUMNS)} FROM read_parquet(?) WHERE {column} = ? ORDER BY row_hash"  # noqa: S608
    for row in duckdb.execute(query, [str(head.with_name("manifest.parquet")), value]).fetchall():
        said = {
            "dataset": head.parent.name,
            "training_sheet": training_sheet,
            **dict(zip(COLUMNS, row, strict=True)),
        }
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    datasets, *asked = sys.argv[1:]
    by_example(datasets, *asked[1:]) if asked[0] == "--example" else main(datasets, *asked)
