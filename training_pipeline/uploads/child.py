"""The process that reads one upload, with limits on its memory, its time and what it writes; its death is an error.

A file that somebody sends is parsed by libraries in C and Rust. Whatever it does to them, it is done to a process that
holds no password and no connection, and this one goes on.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.errors import (
    Conflict,
    FieldProblem,
    InvalidRequest,
    PipelineError,
    SheetUnreadable,
    Unavailable,
)
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.infra.file_lock import hold
from training_pipeline.sheets.importing.request import ImportRequest
from training_pipeline.uploads.found import Found
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.wording import as_field, in_words

#: The only variables of ours that the process is given; none holds a secret.
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPATH", "HOME", "LD_LIBRARY_PATH")
_ERRORS: Final[dict[str, type[PipelineError]]] = {
    error.__name__: error for error in (InvalidRequest, SheetUnreadable, Conflict, Unavailable)
}
_OUT_OF_MEMORY: Final = "MemoryError"


class UploadNotRead(PipelineError):
    """The process that read an upload died, or was ended for taking too much memory or time."""

    code = "upload_not_read"


class Task(BaseModel):
    """What the process is to do: look at an upload, or make a training sheet of it in `sheets`."""

    model_config = ConfigDict(frozen=True)

    do: Literal["look", "create"]
    request: ImportRequest
    limits: UploadLimits
    policy: GatePolicy
    sheets: Path
    replace: bool = False


class Failure(BaseModel):
    """An error that the process came to."""

    model_config = ConfigDict(frozen=True)

    kind: str
    message: str
    hint: str = ""
    problems: tuple[tuple[str, str, str], ...] = ()


class Outcome(BaseModel):
    """What the process came to."""

    model_config = ConfigDict(frozen=True)

    found: Found | None = None
    failure: Failure | None = None


def carry_out(task: Task) -> Found | None:
    """Have a process of its own do the task: what it found, or null for a training sheet that was made.

    Raises what the importer raises, with fields of a request instead of options; and `UploadNotRead` where the process
    died, took too long or had too little memory. Then nothing is left of it.
    """
    with hold(task.request.file.parent):  # one at a time reads an upload
        return _carried_out(task)


def _carried_out(task: Task) -> Found | None:
    limits, folder = task.limits, task.request.file.parent
    answer = folder / ".outcome.json"
    answer.unlink(missing_ok=True)
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    command = [sys.executable, "-m", "training_pipeline.uploads.read", str(answer)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a traceback may hold the text of a pair
        env=environment,
        start_new_session=True,
    )
    try:
        process.communicate(task.model_dump_json().encode(), timeout=limits.seconds)
    except subprocess.TimeoutExpired:
        raise _not_read(f"was not read within {limits.seconds:g} seconds") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    try:
        outcome = Outcome.model_validate_json(answer.read_bytes())
    except (OSError, ValueError):
        raise _not_read(_died_of(process.returncode, limits)) from None
    finally:
        answer.unlink(missing_ok=True)
    if outcome.failure is not None:
        raise _error(outcome.failure, task)
    return outcome.found


def limit_this_process(limits: UploadLimits) -> None:
    """From now on this process may take no more memory, time and disk than this."""
    seconds = max(1, int(limits.seconds) * (os.cpu_count() or 1))
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 4 * limits.unpacked_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most, most) if hard == resource.RLIM_INFINITY else (min(most, hard), hard))


def failure_of(error: BaseException) -> Failure:
    """An error as the process tells it: of one that nobody foresaw only the name, for it may hold a text. Pure."""
    if isinstance(error, MemoryError):
        return Failure(kind=_OUT_OF_MEMORY, message="")
    if not isinstance(error, PipelineError):
        return Failure(kind=type(error).__name__, message="")
    problems = [as_field(one) for one in error.problems]
    kind = next((name for name, one in _ERRORS.items() if isinstance(error, one)), SheetUnreadable.__name__)
    return Failure(
        kind=kind,
        message=in_words(error.message),
        hint=in_words(error.hint),
        problems=tuple((one.pointer, one.code, one.message) for one in problems),
    )


def _error(failure: Failure, task: Task) -> PipelineError:
    kind: Any = _ERRORS.get(failure.kind)
    if kind is None:
        lacked = failure.kind == _OUT_OF_MEMORY
        return _not_read(_memory(task.limits) if lacked else f"could not be read ({failure.kind})")
    if kind is Conflict:  # its words name paths of this machine
        hint = "Choose another id, or replace it."
        return Conflict(f"There is a training sheet '{task.request.id}' already.", hint=hint)
    problems = [FieldProblem(*one) for one in failure.problems]
    error: PipelineError = kind(failure.message, hint=failure.hint, problems=problems)
    return error


def _died_of(code: int, limits: UploadLimits) -> str:
    if code in {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS}:
        return f"{_memory(limits)}, or it is broken in a way that its reader cannot stand"
    if code == -signal.SIGXCPU:
        return "took more time than an upload may"
    return "could not be read: the process that read it died"


def _memory(limits: UploadLimits) -> str:
    return f"could not be read within {limits.memory_bytes // 2**20:,} MB of memory"


def _not_read(why: str) -> UploadNotRead:
    hint = "Save it as CSV or JSONL, in parts if it is large, and upload it again."
    return UploadNotRead(f"The file {why}.", hint=hint)
