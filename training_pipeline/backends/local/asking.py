"""One question to models of this machine: a process of its own answers, bounded in time and memory, one at a time.

The question goes to it by a pipe, and the answers come back by one. Nothing of them is in a file, argument or log.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from training_pipeline.backends.asking import AskedModel, AskLimits, ChatTurn, ModelAnswer
from training_pipeline.backends.local.supervisor_start import child_environment
from training_pipeline.domain.errors import Conflict
from training_pipeline.infra.file_lock import is_held, try_lock

PROGRAM: Final = (sys.executable, "-m", "training_pipeline.sft", "--ask")
#: Seconds between two looks at its memory.
_TICK_SECONDS: Final = 0.2


def ask(
    runs: Path, models: Sequence[AskedModel], messages: Sequence[ChatTurn], *, max_tokens: int, limits: AskLimits
) -> list[ModelAnswer]:
    """What each model answers, in their order, or why it does not. Raises `Conflict` while another question is asked.

    Beside a training it does not use the GPU. Leaves nothing behind.
    """
    home = runs / ".playground"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = try_lock(home / "asked.lock")
    if lock is None:
        raise Conflict("The playground is answering another question.", hint="It answers one at a time: try again.")
    work = home / "work"
    try:
        shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
        work.mkdir(mode=0o700)
        order = {
            "work": str(work),
            "models": [model.model_dump(mode="json") for model in models],
            "messages": [turn.model_dump(mode="json") for turn in messages],
            "max_tokens": max_tokens,
            "seconds": limits.seconds,
            "memory_mb": limits.memory_mb,
        }
        told, why = _answered(json.dumps(order).encode(), work, lock, limits, gpu=not _trains(runs))
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(lock)
    answers = {line["role"]: ModelAnswer.model_validate(line) for line in told}
    return [answers.get(model.role) or ModelAnswer(role=model.role, problem=why) for model in models]


def _answered(order: bytes, work: Path, lock: int, limits: AskLimits, *, gpu: bool) -> tuple[list[dict[str, Any]], str]:
    """The lines of the process, and why there are no more of them."""
    environment = child_environment(os.environ) | ({} if gpu else {"CUDA_VISIBLE_DEVICES": ""})
    process = subprocess.Popen(
        PROGRAM,
        cwd=work,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=[lock],  # should this process die, the next question waits for the end of that one
    )
    deadline = time.monotonic() + limits.seconds
    why = "The process that asks the models ended before this one had answered: try again."
    sent: bytes | None = order
    try:
        while True:
            try:
                output, _ = process.communicate(sent, timeout=_TICK_SECONDS)
                return _lines(output), why
            except subprocess.TimeoutExpired:
                sent = None  # the rest of it is still being sent
            if time.monotonic() > deadline:
                why = (
                    f"This model had not answered after {limits.seconds:g} s, the time for all of them: ask for fewer "
                    "tokens or fewer models."
                )
                _kill(process)
            elif _memory_mb(process.pid) > limits.memory_mb:
                why = (
                    f"The models took more than {limits.memory_mb:,} MB: raise TRAINING_PIPELINE_PLAYGROUND_MEMORY_MB "
                    "where there is more, or ask fewer models."
                )
                _kill(process)
    finally:
        _kill(process)
        process.wait()


def _lines(output: bytes) -> list[dict[str, Any]]:
    """The whole lines: a process that was killed may have left half of one."""
    found = []
    for line in output.split(b"\n")[:-1]:
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def _trains(runs: Path) -> bool:
    return any(is_held(slot) for slot in (runs / ".slots").glob("slot-*.lock"))


def _memory_mb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except psutil.Error:
        return 0.0


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
