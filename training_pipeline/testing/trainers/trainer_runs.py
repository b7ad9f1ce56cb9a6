"""Runs of the real training program on a model that is tiny, each in a directory of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training_pipeline.backends.metric_point import SYSTEM
from training_pipeline.testing.trainers.triage import triage_pairs, write_jsonl

#: Small enough for a start of the trainer to be little more than its imports.
SMALL: dict[str, Any] = {
    "epochs": 2,
    "learning_rate": 2e-3,
    "batch_size": 8,
    "max_length": 128,
    "precision": "fp32",
    "tiny": {"vocab_size": 384, "hidden_size": 32, "layers": 1, "intermediate_size": 64, "heads": 2},
}


@dataclass
class Run:
    """A run directory with its configuration, and the trainers started on it."""

    folder: Path
    config: dict[str, Any]
    command: list[str] = field(default_factory=lambda: [sys.executable, "-m", "training_pipeline.sft"])

    @property
    def run_dir(self) -> Path:
        """The directory that the trainer writes into."""
        return Path(self.config["run_dir"])

    def start(self) -> subprocess.Popen[str]:
        """Write the configuration and start the trainer on it."""
        path = self.folder / "config.json"
        path.write_text(json.dumps(self.config), encoding="utf-8")
        return subprocess.Popen([*self.command, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self) -> tuple[int, str]:
        """Start and wait: the exit code and what was printed."""
        process = self.start()
        out, err = process.communicate(timeout=120)
        return process.returncode, out + err

    def interrupt(self, number: signal.Signals, *, when: Callable[[], bool]) -> int:
        """Start, send the signal once `when` holds, wait: the exit code."""
        process = self.start()
        deadline = time.monotonic() + 120
        while not when():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process.pid, number)
        process.communicate(timeout=60)
        return process.returncode

    def read(self, name: str) -> Any:
        """A JSON file of the run directory."""
        return json.loads((self.run_dir / name).read_text(encoding="utf-8"))

    def points(self) -> list[dict[str, Any]]:
        """The points of the curves so far."""
        return [point for point in self._progress() if not point["name"].startswith(SYSTEM)]

    def samples(self) -> list[dict[str, Any]]:
        """The points of the samples of the machine so far."""
        return [point for point in self._progress() if point["name"].startswith(SYSTEM)]

    def _progress(self) -> list[dict[str, Any]]:
        lines = (self.run_dir / "progress.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def step(self) -> int:
        """The last step in the curve so far."""
        path = self.run_dir / "progress.jsonl"
        points = self.points() if path.exists() else []
        return max((point["step"] for point in points if not point["name"].startswith("system/")), default=0)


def new_run(folder: Path, rows: list[dict[str, Any]] | None = None, **settings: Any) -> Run:
    """A run in `folder` on these examples (100 triage questions where left out), a fifth of them for validation."""
    rows = rows or triage_pairs(100)
    cut = len(rows) * 4 // 5
    config = {
        "schema": 1,
        "run_dir": str(folder / "run"),
        "train_file": str(write_jsonl(folder / "train.jsonl", rows[:cut])),
        "validation_file": str(write_jsonl(folder / "validation.jsonl", rows[cut:])),
        "base_model": "builtin:tiny",
        "model_name": "triage",
        **SMALL,
        **settings,
    }
    return Run(folder, config)
