"""Whether an export answers as the trained model does: of a real training with LoRA, and on another base model."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sft.config import TinySize
from training_pipeline.sft.evaluation.parity import compared
from training_pipeline.testing.trainers.trainer_runs import Run, new_run


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [((), (), (0, 0)), ((1, 2, 3), (1, 2, 3), (3, 3)), ((1, 2, 3), (1, 9), (3, 1)), ((1,), (), (1, 0))],
)
def test_tokens_count_as_the_same_at_the_same_place(
    one: tuple[int, ...], other: tuple[int, ...], found: tuple[int, int]
) -> None:
    assert compared(one, other) == compared(other, one) == found


def parity(run: Run, exported: Path, base: dict[str, Any] | None, work: str = "work") -> dict[str, int]:
    """What the program says, started as it is for an export."""
    config = {
        "trained": {"role": "tuned", "source": str(run.run_dir / "model")},
        "exported": str(exported),
        "base": base,
        "questions": run.config["validation_file"],
        "count": 20,
        "work": str(run.folder / work),
    }
    path = run.folder / "parity.json"
    path.write_text(json.dumps(config))
    command = [sys.executable, "-m", "training_pipeline.sft", "--parity", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.nightly
def test_adapter_and_merged_model_of_a_lora_training(tmp_path: Path) -> None:
    run = new_run(tmp_path, method="lora", epochs=1, tiny=asdict(TinySize()))
    assert run.finish()[0] == 0
    model = run.run_dir / "model"
    made = {
        "train_file": run.config["train_file"],
        "max_length": run.config["max_length"],
        "seed": run.config.get("seed", 42),
    }
    base = {"role": "base", "source": "builtin:tiny", "built_in": made}
    for exported, of in ((model / "adapter", base), (model, None)):
        found = parity(run, exported, of)
        assert found["questions"] == 20
        assert found["same"] >= 0.99 * found["tokens"] > 0
    other = parity(run, model / "adapter", {**base, "built_in": {**made, "seed": 7}}, "other")
    assert other["same"] < 0.99 * other["tokens"]
