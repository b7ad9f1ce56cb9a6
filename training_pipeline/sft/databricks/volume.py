"""What passes between a worker and the volume: what is fetched from it, and how the run ended."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import FAILED, FULL, TrainingFailed
from ..output import without_secrets
from ..run_dir import finite, read_json
from ..stop import STOPS


def require_volume(result_dir: Path) -> None:
    """Raise `TrainingFailed` where the result could not be left in the volume. Writes there, and takes it away."""
    probe = result_dir / "is-writable"
    try:
        result_dir.mkdir(parents=True, exist_ok=True)
        probe.write_text("yes")
        probe.unlink()
    except OSError as error:
        raise _refused(result_dir, error) from error


def put(source: Path, target: Path) -> None:
    """Copy a file into the volume; raises `TrainingFailed` where it is not taken."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as error:
        raise _refused(target, error) from error


def fetched(file: Mapping[str, str], target: Path) -> Path:
    """A file of the volume on this worker's disk; raises `TrainingFailed` where it is not the one that was uploaded."""
    source = Path(file["path"])
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        if error.errno in FULL:  # the worker's own disk
            raise
        why = error.strerror or type(error).__name__
        message = f"The worker cannot read {source} ({why}): see that the volume still has it, and grant READ VOLUME."
        raise TrainingFailed("file_not_readable", message, recurs=False) from error
    with target.open("rb") as copy:
        digest = hashlib.file_digest(copy, "sha256").hexdigest()
    if digest != file["sha256"]:
        message = f"{source} is not the file that was uploaded: its SHA-256 is {digest}. Create the job again."
        raise TrainingFailed("file_changed", message, recurs=False)
    return target


def _refused(path: Path, error: OSError) -> TrainingFailed:
    """Why the volume does not take `path`, and what to do."""
    if error.errno in FULL:
        message = f"The volume has no room for {path}: free some space in it, then try again."
        return TrainingFailed("volume_full", message, recurs=False)
    why = error.strerror or type(error).__name__
    remedy = "grant WRITE VOLUME on its volume to whom the pipeline runs as."
    return TrainingFailed("volume_not_writable", f"The worker cannot write to {path} ({why}): {remedy}")


def stopped_result(run: Path) -> dict[str, Any]:
    """The result of a run that is stopped at once: what the program told, if it had begun. Reads."""
    result: dict[str, Any] = read_json(run / "result.json") or {"status": "stopped"}
    return result


def ended(result: dict[str, Any], code: int, result_dir: Path, work: Path) -> int:
    """Leave the result in the volume and nothing on this worker; the exit code. Once begun, no stop interrupts it."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    try:
        leave(result_dir / "result.json", result)
    except OSError as error:
        sys.stderr.write(f"No result could be left in {result_dir}: {type(error).__name__}: {error.strerror}\n")
        code = code or FAILED
    shutil.rmtree(work, ignore_errors=True)
    return code


def leave(path: Path, result: dict[str, Any]) -> None:
    """Tell in the volume how the run ended, without secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(without_secrets(json.dumps(finite(result), allow_nan=False)), encoding="utf-8")
