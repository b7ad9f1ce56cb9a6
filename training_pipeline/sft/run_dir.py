"""The files through which a run is watched: `status.json`, `progress.jsonl`, `result.json`.

Everything in a run directory is readable by its owner only (the program sets its umask to 077).
"""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

#: Seconds between two writes of `status.json` within one phase.
STATUS_INTERVAL: Final = 0.5
#: Bytes set aside so that a failure can be told even on a full disk.
RESERVE_BYTES: Final = 64 << 10
#: The file of a checkpoint that is written last: without it, the checkpoint was never completed.
CHECKPOINT_MARKER: Final = "complete.json"


def write_json(path: Path, value: Any) -> None:
    """Replace `path` atomically: a reader sees the old or the new file, never half of one. NaN becomes null."""
    # Like `infra.json_file.write_json`, of which this program, which imports nothing of ours, cannot make use.
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(finite(value), file, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """The JSON in `path`, None where there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity in it as None, which JSON can say."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class RunDir:
    """Where everything of one run lies. `rank` tells processes that train together apart: the first writes."""

    path: Path
    rank: int = 0

    def create(self) -> None:
        """Make the directory (mode 0700), if need be, and the reserve. Idempotent."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        reserve = self.path / ".reserve"
        if not reserve.exists():
            reserve.write_bytes(b"\0" * RESERVE_BYTES)

    def release_reserve(self) -> None:
        """Give back the bytes set aside. Idempotent."""
        (self.path / ".reserve").unlink(missing_ok=True)

    def discard_half_done(self) -> None:
        """Delete weights and models that were not finished. Idempotent."""
        # By their names: whoever watches the run writes into its directory, too.
        (self.path / f".{self.best.name}.tmp").unlink(missing_ok=True)
        for folder in (f".{self.model.name}.tmp", f"{self.base.name}.tmp"):
            shutil.rmtree(self.path / folder, ignore_errors=True)

    def discard_unfinished_checkpoints(self) -> None:
        """Delete checkpoints that were never completed, which take room and are of no use. Idempotent."""
        for checkpoint in self.checkpoints.glob("checkpoint-*"):
            if not (checkpoint / CHECKPOINT_MARKER).exists():
                shutil.rmtree(checkpoint, ignore_errors=True)

    @property
    def status(self) -> Path:
        """Where the run is now; replaced atomically."""
        return self._own("status.json")

    @property
    def progress(self) -> Path:
        """The curve, one point a line; only ever grows."""
        return self._own("progress.jsonl")

    @property
    def result(self) -> Path:
        """How the run ended; written last."""
        return self.path / "result.json"

    @property
    def identity(self) -> Path:
        """What the checkpoints here belong to: a digest of configuration and data, and the day of the first start."""
        return self.path / "run.json"

    @property
    def before(self) -> Path:
        """What was measured before the first step, so that a resumed run need not measure it again."""
        return self.path / "before.json"

    @property
    def samples(self) -> Path:
        """Validation questions with the model's answers before and after."""
        return self.path / "samples.jsonl"

    @property
    def losses(self) -> Path:
        """The loss of each validation pair, without text."""
        return self.path / "losses.jsonl"

    @property
    def model(self) -> Path:
        """The fine-tuned model."""
        return self.path / "model"

    @property
    def base(self) -> Path:
        """The built-in model before training."""
        return self.path / "base"

    @property
    def tokens(self) -> Path:
        """The dataset as token ids."""
        return self.path / "tokens"

    @property
    def checkpoints(self) -> Path:
        """What a killed run continues from."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The weights with the lowest validation loss so far."""
        return self.path / "best.safetensors"

    @property
    def ranks(self) -> Path:
        """What processes that train together need only while they do."""
        return self.path / "ranks"

    @property
    def stop(self) -> Path:
        """Is there once processes that train together were asked to stop."""
        return self.ranks / "stop"

    @property
    def patient(self) -> Path:
        """Is there while they take steps, and so see by themselves that they shall stop."""
        return self.ranks / "patient"

    def may_tell(self) -> bool:
        """Whether this is the first of the processes that train together to fail; once only. Writes."""
        try:
            (self.ranks / "told").touch(exist_ok=False)
        except OSError:  # another one, or the launcher has cleaned up behind them
            return False
        return True

    def forget_ranks(self) -> None:
        """Remove what processes that trained together left. Idempotent."""
        shutil.rmtree(self.ranks, ignore_errors=True)

    def _own(self, name: str) -> Path:
        """What every process writes: of all but the first for nobody."""
        return self.ranks / f"{self.rank}-{name}" if self.rank else self.path / name


@dataclass(slots=True)
class Status:
    """The present state of the run, told in `status.json`. `seconds` is the training time over all resumes."""

    file: Path
    facts: dict[str, Any] = field(
        default_factory=lambda: {
            "phase": "loading",
            "step": 0,
            "planned_steps": None,
            "epoch": 0.0,
            "total_epochs": None,
            "eta_seconds": None,
            "tokens": 0,
            "seconds": 0.0,
            "message": "",
        }
    )
    written_at: float = 0.0

    @classmethod
    def of(cls, run: RunDir) -> Status:
        """The state that an earlier process left, or a new one. Reads."""
        status = cls(run.status)
        status.facts |= {key: value for key, value in (read_json(run.status) or {}).items() if key in status.facts}
        return status

    def tell(self, **facts: Any) -> None:
        """Take over `facts` and write them, at most twice a second within one phase."""
        changed = facts.get("phase", self.facts["phase"]) != self.facts["phase"]
        self.facts |= facts
        if changed or time.monotonic() - self.written_at >= STATUS_INTERVAL:
            self.write()

    def write(self) -> None:
        """Write the present state now."""
        self.written_at = time.monotonic()
        write_json(self.file, {**self.facts, "updated_at": time.time()})


class Progress:
    """The curve in `progress.jsonl`: append-only, so that readers may keep byte offsets of whole lines.

    No step of a curve (`add`) is written twice: after a resume, points that were already there are left out. A last
    line that a crash cut in half is removed on opening; readers must take whole lines only, and pass over one that is
    damaged, as is done here. Threads may share it.
    """

    def __init__(self, path: Path) -> None:
        #: The last step of each curve.
        self.reached: dict[str, int] = {}
        self._writing = threading.Lock()
        self.first: dict[str, float | None] = {}
        self.last: dict[str, float | None] = {}
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        whole = 0
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    whole += len(line)
                    with suppress(
                        ValueError, KeyError, TypeError, RecursionError
                    ):  # a power failure may leave anything
                        self._reread(json.loads(line))
        os.ftruncate(self._descriptor, whole)

    def add(self, name: str, step: int, value: float, *, epoch: float | None, tokens: int | None) -> None:
        """Append one point, unless the curve already reaches `step`; readers see it at once."""
        if step <= self.reached.get(name, -1):
            return
        point = {"name": name, "step": step, "value": value, "epoch": epoch, "tokens": tokens, "time": time.time()}
        line = json.dumps(finite(point), allow_nan=False).encode() + b"\n"
        with self._writing:
            self._write(line)
        self._remember(name, step, finite(value))

    def note(self, name: str, step: int, value: float) -> None:
        """Append a point that is no part of a curve: it is written whatever was there before."""
        self.reached.pop(name, None)
        self.add(name, step, value, epoch=None, tokens=None)

    def _reread(self, point: dict[str, Any]) -> None:
        name, step, value = point["name"], point["step"], point["value"]
        if isinstance(name, str) and isinstance(step, int) and isinstance(value, float | int | None):
            self._remember(name, step, value)

    def _remember(self, name: str, step: int, value: float | None) -> None:
        self.first.setdefault(name, value)
        self.last[name] = value
        self.reached[name] = step

    def _write(self, line: bytes) -> None:
        """Append a whole line, or nothing: what another thread appends next must begin a line of its own."""
        size = os.fstat(self._descriptor).st_size
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
