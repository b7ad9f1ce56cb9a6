"""A training program that trains nothing and keeps the contract of the real one; standard library only.

`stand_in_trainer.py [BEHAVIOUR_JSON] CONFIG.json`. The behaviour is the argument, or the variable STAND_IN_TRAINER, or
the defaults below. Each start is noted in stand_in_starts.jsonl of the run directory; a start while another trainer of
the run lives leaves the file stand_in_overlap.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a stand-in trainer does."""

    steps: int = 5
    seconds_per_step: float = 0.01
    #: Dies by SIGKILL on reaching this step, in this many of its first starts.
    die_at_step: int | None = None
    die_times: int = 1
    #: Ends with this exit code and no result on reaching `die_at_step`, instead of dying by SIGKILL.
    exit_code: int | None = None
    ignore_sigterm: bool = False
    #: Fails with this sentence and exit code 1.
    fail: str | None = None
    fail_type: str = "StandInError"
    #: Stays at this step for ever.
    hang_at_step: int | None = None
    #: Waits after this step until the run directory has the file stand_in_go.
    hold_after_step: int | None = None
    #: Lines for the log.
    log_lines: int = 0
    #: Starts a child in its process group that outlives it.
    spawn: bool = False
    #: Reports a train loss that is no number at this step.
    nan_at_step: int | None = None
    #: The size of the checkpoint that it writes after each step; the one before it stays.
    checkpoint_bytes: int = 0


class Stopped(Exception):
    """SIGTERM arrived."""


def write_atomically(path: Path, value: dict[str, Any]) -> None:
    """Write a file that readers see whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)


def recipe(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the training program says that it takes to repeat a training, with made-up digests."""
    places = {"schema", "run_dir", "mlflow"}
    return {
        "chat_template_sha256": "c" * 64,
        "chat_template_source": "its own chat template",
        "tokenizer_sha256": "d" * 64,
        "libraries": {"python": platform.python_version(), "torch": "none"},
        "device": "cpu",
        "first_day": "2026-11-23",
        "configuration": {
            key: value for key, value in config.items() if key not in places and not key.endswith(("_file", "_sha256"))
        },
    }


class Trainer:
    """One start on a run directory; goes on after the step of the checkpoint that an earlier start left."""

    def __init__(self, behaviour: Behaviour, config: dict[str, Any]) -> None:
        self.does = behaviour
        self.config = config
        self.dir = Path(config["run_dir"])
        self.starts = self.dir / "stand_in_starts.jsonl"
        self.checkpoint = self.dir / "checkpoints" / "step.json"
        self.stopping = False

    def note_start(self, from_step: int) -> int:
        """Note the start, and whether another trainer is alive. The number of starts so far."""
        lock = os.open(self.dir / "stand_in.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            (self.dir / "stand_in_overlap").touch()
        with self.starts.open("a") as file:
            file.write(json.dumps({"pid": os.getpid(), "from_step": from_step, "time": time.time()}) + "\n")
        return len(self.starts.read_text().splitlines())

    def say(self, phase: str, step: int) -> None:
        """Write status.json."""
        status = {
            "phase": phase,
            "step": step,
            "planned_steps": self.does.steps,
            "epoch": step / self.does.steps * self.config["epochs"],
            "total_epochs": self.config["epochs"],
            "eta_seconds": (self.does.steps - step) * self.does.seconds_per_step,
            "tokens": step * 100,
            "updated_at": time.time(),
            "message": "",
        }
        write_atomically(self.dir / "status.json", status)

    def report(self, step: int) -> None:
        """Append the points of a step to progress.jsonl."""
        loss = None if step == self.does.nan_at_step else 5.0 / step
        epoch = step / self.does.steps * self.config["epochs"]
        with (self.dir / "progress.jsonl").open("a") as file:
            for name, value in (("train_loss", loss), ("learning_rate", 1e-3)):
                point = {"name": name, "step": step, "value": value, "epoch": epoch, "tokens": step * 100}
                file.write(json.dumps({**point, "time": time.time()}) + "\n")

    def save(self, step: int) -> None:
        """Write a checkpoint; one that was not finished is of no use."""
        if self.does.checkpoint_bytes:
            blob = self.checkpoint.parent / f"checkpoint-{step}"
            blob.mkdir(exist_ok=True)
            (blob / "weights").write_bytes(b"x" * self.does.checkpoint_bytes)
            for older in self.checkpoint.parent.glob("checkpoint-*"):
                if older.name not in {f"checkpoint-{step}", f"checkpoint-{step - 1}"}:
                    shutil.rmtree(older)
        write_atomically(self.checkpoint, {"step": step})

    def succeed(self, seconds: float) -> None:
        """Write the model and result.json."""
        model = self.dir / "model"
        model.mkdir(exist_ok=True)
        (model / "model.safetensors").write_bytes(b"stand-in")
        result = {
            "status": "succeeded",
            "model_dir": "model",
            "model_files": {"model.safetensors": hashlib.sha256(b"stand-in").hexdigest()},
            "steps": self.does.steps,
            "planned_steps": self.does.steps,
            "epochs_completed": float(self.config["epochs"]),
            "tokens": self.does.steps * 100,
            "duration_seconds": seconds,
            "train_loss_first": 5.0,
            "train_loss": 5.0 / self.does.steps,
            "val_loss": 1.5,
            "train_accuracy": 0.9,
            "val_accuracy": 0.8,
            "custom_metrics": {"exact_match_before": 0.0, "exact_match_after": 0.95},
            "truncated_examples": 0,
            "recipe": recipe(self.config),
            "samples_file": None,
        }
        write_atomically(self.dir / "result.json", result)

    def run(self) -> int:
        """Train as told. The exit code; raises `Stopped` on SIGTERM."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN if self.does.ignore_sigterm else self.stop)
        self.checkpoint.parent.mkdir(exist_ok=True)
        began = json.loads(self.checkpoint.read_text())["step"] if self.checkpoint.exists() else 0
        start = self.note_start(began)
        clock = time.monotonic()
        for line in range(self.does.log_lines):
            sys.stderr.write(f"line {line + 1} of the log\n")
        sys.stderr.flush()
        if self.does.spawn:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            (self.dir / "stand_in_child").write_text(str(child.pid))
        self.say("training", began)
        for step in range(began + 1, self.does.steps + 1):
            if self.stopping:
                raise Stopped
            if self.does.fail is not None:
                error = {"status": "failed", "error": self.does.fail, "error_type": self.does.fail_type}
                write_atomically(self.dir / "result.json", error)
                return 1
            if step == self.does.die_at_step and start <= self.does.die_times:
                if self.does.exit_code is not None:
                    return self.does.exit_code
                os.kill(os.getpid(), signal.SIGKILL)
            while step == self.does.hang_at_step and not self.stopping:
                time.sleep(0.01)
            if self.stopping:
                raise Stopped
            time.sleep(self.does.seconds_per_step)
            self.report(step)
            self.save(step)
            self.say("training", step)
            while step == self.does.hold_after_step and not (self.dir / "stand_in_go").exists() and not self.stopping:
                time.sleep(0.01)
        self.succeed(time.monotonic() - clock)
        self.say("done", self.does.steps)
        return 0

    def stop(self, *_: object) -> None:
        """Stop after the step at hand."""
        self.stopping = True


def main(arguments: list[str]) -> int:
    """Run the trainer: 0 after a success, 1 after a failure, 3 when it was stopped."""
    given = json.loads(arguments[0] if len(arguments) > 1 else os.environ.get("STAND_IN_TRAINER", "{}"))
    trainer = Trainer(Behaviour(**given), json.loads(Path(arguments[-1]).read_text()))
    try:
        return trainer.run()
    except Stopped:
        write_atomically(trainer.dir / "result.json", {"status": "stopped", "step": 0})
        return 3
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        for unfinished in trainer.checkpoint.parent.glob("checkpoint-*"):
            shutil.rmtree(unfinished)
        told = {"status": "failed", "error": "The disk is full.", "error_type": "DiskFull", "recurs": False}
        write_atomically(trainer.dir / "result.json", told)
        return 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
