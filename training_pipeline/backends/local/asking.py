"""One question to models of this machine: a process of its own answers, bounded in time and memory.

The question goes to it by a pipe, and the answers come back by one. Nothing of them is in a file, argument or log.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from training_pipeline.backends.asking import AskedModel, AskLimits, ChatTurn, ModelAnswer
from training_pipeline.backends.local.asking_turns import Place, turn
from training_pipeline.backends.local.supervisor_start import child_environment
from training_pipeline.infra.file_lock import is_held

PROGRAM: Final = (sys.executable, "-m", "training_pipeline.sft", "--ask")
#: Seconds between two looks at its memory.
_TICK_SECONDS: Final = 0.2


def ask(
    runs: Path,
    models: Sequence[AskedModel],
    messages: Sequence[ChatTurn],
    *,
    max_tokens: int,
    limits: AskLimits,
    asked_by: str,
) -> list[ModelAnswer]:
    """What each model answers, in their order, or why it does not, once it is the turn of `asked_by`.

    Raises `Conflict` where it does not come. Beside a training it does not use the GPU. Leaves nothing behind.
    """
    with turn(runs / ".playground", asked_by, limits) as place:
        left = limits.left_after(place.waited)
        order = {
            "work": str(place.work),
            "models": [model.model_dump(mode="json") for model in models],
            "messages": [message.model_dump(mode="json") for message in messages],
            "max_tokens": max_tokens,
            "seconds": left,
            "memory_mb": limits.memory_mb,
        }
        bounded = limits.model_copy(update={"seconds": left})
        told, why = _answered(json.dumps(order).encode(), place, bounded, gpu=not _trains(runs))
    answers = {line["role"]: ModelAnswer.model_validate(line) for line in told}
    return [answers.get(model.role) or ModelAnswer(role=model.role, problem=why) for model in models]


def _answered(order: bytes, place: Place, limits: AskLimits, *, gpu: bool) -> tuple[list[dict[str, Any]], str]:
    """The lines of the process, and why there are no more of them."""
    environment = child_environment(os.environ) | ({} if gpu else {"CUDA_VISIBLE_DEVICES": ""})
    process = subprocess.Popen(
        PROGRAM,
        cwd=place.work,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=place.locks,  # should this process die, the next question waits for the end of that one
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
                    f"This model had not answered after {limits.seconds:.3g} s, the time for all of them: ask for "
                    "fewer tokens or fewer models."
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
