"""A process that does one thing to what somebody sent, with limits on its memory, its time and what it writes.

A file of others is parsed by libraries in C and Rust. Whatever it does to them, it is done to a process that holds no
password and no connection, and this one goes on. Its death is an error.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.errors import (
    Conflict,
    FieldProblem,
    InvalidRequest,
    PipelineError,
    SheetUnreadable,
    Unavailable,
)
from training_pipeline.infra.files import replace_file
from training_pipeline.infra.processes import end_with_parent
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.wording import as_field, in_words

#: The only variables of ours that the process is given; none holds a secret.
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPATH", "HOME", "LD_LIBRARY_PATH")
_ERRORS: Final[dict[str, type[PipelineError]]] = {
    error.__name__: error for error in (InvalidRequest, SheetUnreadable, Conflict, Unavailable)
}
_OUT_OF_MEMORY: Final = "MemoryError"


T = TypeVar("T", bound="Limited")


class UploadNotRead(PipelineError):
    """The process that read an upload died, or was ended for taking too much memory or time."""

    code = "upload_not_read"


class Failure(BaseModel):
    """An error that the process came to."""

    model_config = ConfigDict(frozen=True)

    kind: str
    message: str
    hint: str = ""
    problems: tuple[tuple[str, str, str], ...] = ()


def answer_of(
    module: str, task: BaseModel, folder: Path, *, limits: UploadLimits, environment: Mapping[str, str] | None = None
) -> bytes:
    """What `python -m module FILE`, with the task on its standard input, wrote into the file; it is gone afterwards.

    Without an `environment` the process is given no secret of this one. Raises `UploadNotRead` where it died, or took
    longer than an upload may; whatever it started is ended with it.
    """
    answer = folder / ".outcome.json"
    answer.unlink(missing_ok=True)
    given = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(answer)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a traceback may hold the text of a pair
        env=given if environment is None else environment,
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
        return answer.read_bytes()
    except OSError:
        raise died(process.returncode, limits) from None
    finally:
        answer.unlink(missing_ok=True)


class Limited(Protocol):
    """A task that says what the process which does it may take."""

    @property
    def limits(self) -> UploadLimits:
        """The limits of the process."""
        ...

    @classmethod
    def model_validate_json(cls, json_data: bytes, /) -> Self:
        """The task behind its JSON."""
        ...


def answer_task(
    arguments: Sequence[str], kind: type[T], work: Callable[[T], BaseModel], failed: Callable[[Failure], BaseModel]
) -> int:
    """The other side of `answer_of`: read the task, do it within its limits, and write its outcome; 0."""
    task = kind.model_validate_json(sys.stdin.buffer.read())
    end_with_parent()
    limit_this_process(task.limits)
    try:
        outcome = work(task)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told
        outcome = failed(failure_of(error))
    replace_file(Path(arguments[0]), outcome.model_dump_json().encode())
    return 0


def limit_this_process(limits: UploadLimits) -> None:
    """From now on this process may take no more memory, time and disk than this."""
    seconds = max(1, int(limits.seconds) * (os.cpu_count() or 1))
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, max(4 * limits.unpacked_bytes, limits.bytes)),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most, most) if hard == resource.RLIM_INFINITY else (min(most, hard), hard))


def failure_of(error: BaseException) -> Failure:
    """An error as the process tells it: of one that nobody foresaw only the name, for it may hold a text."""
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


def error_of(failure: Failure, limits: UploadLimits) -> PipelineError:
    """The error to raise for what the process told."""
    kind: Any = _ERRORS.get(failure.kind)
    if kind is None:
        lacked = failure.kind == _OUT_OF_MEMORY
        return _not_read(_memory(limits) if lacked else f"could not be read ({failure.kind})")
    problems = [FieldProblem(*one) for one in failure.problems]
    error: PipelineError = kind(failure.message, hint=failure.hint, problems=problems)
    return error


def died(code: int, limits: UploadLimits) -> UploadNotRead:
    """The error for a process that ended with this code and told nothing."""
    if code in {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS}:
        return _not_read(f"{_memory(limits)}, or it is so damaged that its reader crashed")
    if code == -signal.SIGXCPU:
        return _not_read("took more time than an upload may")
    return _not_read("could not be read: the process that read it died")


def _memory(limits: UploadLimits) -> str:
    return f"could not be read within {limits.memory_bytes // 2**20:,} MB of memory"


def _not_read(why: str) -> UploadNotRead:
    hint = "Save it as CSV or JSONL, in parts if it is large, and upload it again."
    return UploadNotRead(f"The file {why}.", hint=hint)
