"""The stand-in of an evaluation: it reads the questions and says that the tuned model is right, and no other one.

What it is to do is in the name of the tuned model: `breaks`, `waits`, `mute` (no result), `dies` (without a word, the
questions where they were), `naps` (for a second), `tampers` (with its scores), `quotes` (a column of text in them),
anything else succeeds.
"""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_KEYS = ("training_sheet_id", "pair_id", "classification", "canonical_label_id")


def evaluate(told: dict[str, Any]) -> int:
    """Leave scores and a result: 0, or 1 after a failure."""
    asked, out = told["evaluation"], Path(told["result_dir"])
    behaviour = next(model["source"] for model in asked["models"] if model["role"] == "tuned").rpartition(".")[2]
    behaviour = behaviour.partition("/")[0]
    questions = Path(asked["questions"]["path"])
    if behaviour == "dies":
        os._exit(9)
    content = questions.read_bytes()
    if hashlib.sha256(content).hexdigest() != asked["questions"]["sha256"]:
        raise OSError("these are not the questions that were staged")
    if behaviour == "waits":
        time.sleep(600)
    if behaviour == "naps":
        time.sleep(1)
    questions.unlink()
    if behaviour == "mute":
        return 0
    if behaviour == "breaks":
        error = "The evaluation ran out of memory: evaluate where there is more, or a smaller model."
        (out / "result.json").write_text(json.dumps({"status": "failed", "error": error}))
        return 1
    pairs = [json.loads(line) for line in content.splitlines()]
    (out / "scores").mkdir(exist_ok=True)
    scores = {}
    for model in asked["models"]:
        right = float(model["role"] == "tuned")
        rows = [{**{key: pair[key] for key in _KEYS}, "exact_match": right} for pair in pairs]
        schema = pa.schema([*((key, pa.string()) for key in _KEYS), ("exact_match", pa.float64())])
        path = out / "scores" / f"{model['role']}.parquet"
        table = pa.Table.from_pylist(rows, schema)
        if behaviour == "quotes":
            table = table.append_column("answer", pa.array(["a text"] * len(rows)))
        pq.write_table(table, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        scores[model["role"]] = {"file": f"scores/{path.name}", "sha256": digest, "pairs": len(rows), "judge": None}
        if behaviour == "tampers":
            path.write_bytes(path.read_bytes() + b"x")
    (out / "result.json").write_text(json.dumps({"status": "succeeded", "scores": scores, "seconds": 0.1}))
    return 0
