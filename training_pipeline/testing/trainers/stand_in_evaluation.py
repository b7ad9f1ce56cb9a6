"""A program in the place of the one that asks models: it reads the questions, and says how right each model is.

`python stand_in_evaluation.py BEHAVIOUR CONFIG.json`; the behaviour is JSON: `right`, the share of right answers by
role, and `hang`, whether it waits until it is ended. Where there is a judge, that says what exact match says, of the
pairs that it may read; `judge_missing` is why it did not.
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
        keys = ("training_sheet_id", "pair_id", "classification", "canonical_label_id", "sheet_id")
        rows = [
            {**{key: pair[key] for key in keys}, "length": "0 to 4 words", "exact_match": float(place < right)}
            for place, pair in enumerate(asked)
        ]
        numbers = ["exact_match", "judged_right"] if "judge" in config else ["exact_match"]
        missing = behaviour.get("judge_missing")
        for row, pair in zip(rows, asked, strict=True):
            row["judged_right"] = row["exact_match"] if pair.get("may_be_judged", False) and missing is None else None
        texts = [(name, pa.string()) for name in (*keys, "length")]
        schema = pa.schema(texts + [(name, pa.float64()) for name in numbers])
        path = run / "scores" / f"{model['role']}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
        path.chmod(0o600)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        scores[model["role"]] = {"file": f"scores/{path.name}", "sha256": digest, "pairs": len(rows)}
        if "judge" in config:
            judged = sum(row["judged_right"] is not None for row in rows)
            sent = sum(pair.get("may_be_judged", False) for pair in asked)
            scores[model["role"]]["judge"] = {
                "prompt_version": "1",
                "models": [config["judge"]["model"]] if judged else [],
                "judged": judged,
                "not_sent": len(rows) - sent,
                "not_judged": {missing: sent} if missing else {},
                "agreed": judged,
                "missing": missing,
            }
    (run / "result.json").write_text(json.dumps({"status": "succeeded", "scores": scores}), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
