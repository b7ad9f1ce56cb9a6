"""What the manifests alone say: with DuckDB, and no code of training_pipeline. DATASETS is STATE_DIR/datasets.

    python docs/scripts/manifests_alone.py DATASETS PAIR [SHEET]                    # where was this pair used?
    python docs/scripts/manifests_alone.py DATASETS --example FILE [KEY_FILE ...]   # and this example?
    python docs/scripts/manifests_alone.py DATASETS --dataset DIGEST                # what was trained on, and by whom?
    python docs/scripts/manifests_alone.py DATASETS --diff OLD NEW                  # what changed between two?

The first two print a JSON object a line for each dataset whose sheet has the pair: its digest and training sheet, the
split, or the reason why it was excluded, and who approved it and set its usage constraints. The second finds a pair by
its example, a line as in `train.jsonl`; in manifests whose hashes are under a key only with the file of that key, whose
name is its id: STATE_DIR/keys/ID. Without it, standard error names what was not searched.

The others print one JSON object. DIGEST is that of the dataset of a model, as its record and its MLflow run name it:
which model comes from which dataset, and what was decided or withdrawn since, no manifest knows.
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


def dataset(datasets: str, digest: str) -> None:
    """What a dataset holds: its sheet, pairs by split and by reason, and the stewards of those that were trained on."""
    head = Path(datasets) / digest / "dataset.json"
    stated = json.loads(head.read_text(encoding="utf-8"))

    def counts(column: str, where: str = "TRUE") -> dict[str, int]:
        query = f"SELECT {column}, count(*) FROM read_parquet(?) WHERE {where} GROUP BY 1 ORDER BY 1"  # noqa: S608
        return dict(duckdb.execute(query, [str(head.with_name("manifest.parquet"))]).fetchall())

    used = "split IS NOT NULL"
    said = {
        "dataset": digest,
        "training_sheet": stated["sheet_id"],
        "pairs": counts("split", used),
        "excluded": counts("reason", "reason IS NOT NULL"),
        "reviewed_by": counts("coalesce(reviewed_by, '')", used),
        "constraints_set_by": counts("coalesce(constraints_set_by, '')", used),
    }
    sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")


def diff(datasets: str, old: str, new: str) -> None:
    """The pairs that are used by one of two datasets only, and those that changed their side; by id."""
    files = [str(Path(datasets) / digest / "manifest.parquet") for digest in (old, new)]
    used = "(SELECT pair_id, split FROM read_parquet(?) WHERE split IS NOT NULL)"
    query = (
        f"SELECT coalesce(a.pair_id, b.pair_id), a.split, b.split FROM {used} AS a FULL JOIN {used} AS b"  # noqa: S608
        " ON a.pair_id = b.pair_id WHERE a.split IS DISTINCT FROM b.split ORDER BY 1"
    )
    found = duckdb.execute(query, files).fetchall()
    said = {
        "removed": [pair for pair, _, now in found if now is None],
        "added": [pair for pair, before, _ in found if before is None],
        "moved": [pair for pair, before, now in found if None not in {before, now}],
    }
    sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")


def _print(head: Path, training_sheet: str, column: str, value: str) -> None:
    query = f"SELECT {', '.join(COLUMNS)} FROM read_parquet(?) WHERE {column} = ? ORDER BY row_hash"  # noqa: S608
    for row in duckdb.execute(query, [str(head.with_name("manifest.parquet")), value]).fetchall():
        said = {
            "dataset": head.parent.name,
            "training_sheet": training_sheet,
            **dict(zip(COLUMNS, row, strict=True)),
        }
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")


ANSWERS = {"--example": by_example, "--dataset": dataset, "--diff": diff}

if __name__ == "__main__":
    datasets, first, *others = sys.argv[1:]
    ANSWERS[first](datasets, *others) if first in ANSWERS else main(datasets, first, *others)
