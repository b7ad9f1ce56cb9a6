"""A program in the place of the one that asks models: it reads the questions, and says how right each model is.

`python stand_in_evaluation.py BEHAVIOUR CONFIG.json`; the behaviour is JSON: `right`, the share of right answers by
role, and `hang`, whether it waits until it is ended.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def stand_in_evaluation(**behaviour: Any) -> tuple[str, ...]:
    """The command of such a program."""
    return (sys.executable, str(Path(__file__)), json.dumps(behaviour))


def main(behaviour: dict[str, Any], config: dict[str, Any]) -> None:
    """Write the scores and the result."""
    run = Path(config["run_dir"])
    asked = [json.loads(line) for line in (run / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    while behaviour.get("hang"):
        time.sleep(0.05)
    (run / "scores").mkdir(mode=0o700, exist_ok=True)
    scores = {}
    for model in config["models"]:
        right = round(behaviour["right"][model["role"]] * len(asked))
        keys = ("training_sheet_id", "pair_id", "classification", "canonical_label_id")
        rows = [
            {**{key: pair[key] for key in keys}, "length": "0 to 4 words", "exact_match": float(place < right)}
            for place, pair in enumerate(asked)
        ]
        schema = pa.schema([(name, pa.string()) for name in (*keys, "length")] + [("exact_match", pa.float64())])
        path = run / "scores" / f"{model['role']}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
        path.chmod(0o600)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        scores[model["role"]] = {"file": f"scores/{path.name}", "sha256": digest, "pairs": len(rows)}
    (run / "result.json").write_text(json.dumps({"status": "succeeded", "scores": scores}), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
