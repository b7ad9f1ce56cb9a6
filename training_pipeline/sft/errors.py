"""Errors of the training program, worded for users. They never contain the text of a pair."""

from __future__ import annotations

import errno
import shutil
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Exit codes of the program.
SUCCEEDED: Final = 0
FAILED: Final = 1  # the same input would fail again
BAD_CONFIG: Final = 2
STOPPED: Final = 3  # on SIGTERM or SIGINT; starting it again continues
INTERRUPTED: Final = 4  # something outside gave way (disk, network); starting it again may succeed

#: Errors whose text comes from the operating system or from the tensor library, never from a pair.
_OUTSIDE: Final = (OSError, MemoryError, ImportError, RuntimeError)
#: The `error_type` of a full disk, whatever library noticed it.
DISK_FULL: Final = "DiskFull"
#: The `error_type` where one of several processes died without a word: training goes on from the last checkpoint.
PROCESS_LOST: Final = "ProcessLost"
#: The `code` where memory ran out, whatever library noticed it.
OUT_OF_MEMORY: Final = "out_of_memory"
#: The error numbers of a disk without room.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_DISK_BYTES: Final = 1 << 20
#: How PyTorch, CUDA and its libraries say that memory ran out, each in an error of another class.
_NO_MEMORY: Final = ("allocate memory", "out of memory", "STATUS_ALLOC_FAILED")


class TrainingFailed(Exception):
    """A cause that a user can fix: one readable sentence with what to do. Never quotes a pair.

    `code` names the kind of cause: two trainings with one code failed of the same. `pair_ids` are the pairs at fault,
    where the cause is in pairs and their ids are known; the first of many.
    """

    def __init__(self, code: str, message: str, *, recurs: bool = True, pair_ids: Sequence[str] = ()) -> None:
        super().__init__(code, message)
        self.code, self.message, self.recurs, self.pair_ids = code, message, recurs, tuple(pair_ids)

    def __str__(self) -> str:
        return self.message


class NothingToTrain(TrainingFailed):
    """An example without a token that is trained on."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The cause as it goes into `result.json`; `recurs` says whether the same input would fail again."""

    error: str
    error_type: str
    recurs: bool
    #: The pairs at fault, where it is pairs; the first of many.
    pair_ids: tuple[str, ...] = ()
    #: The kind of cause; null for what nobody foresaw, which has its `error_type` alone.
    code: str | None = None


def explain(error: BaseException, run_dir: Path) -> Failure:
    """The readable cause of any exception. Looks at the free space of `run_dir`'s disk; writes nothing."""
    kind = type(error).__name__
    if isinstance(error, TrainingFailed):
        return Failure(str(error), kind, error.recurs, error.pair_ids, error.code)
    if _disk_is_full(error, run_dir):
        return Failure(
            f"The disk that holds {run_dir} is full: free some space, then try again.",
            DISK_FULL,
            recurs=False,
            code="disk_full",
        )
    if ran_out_of_memory(error):
        return Failure(
            "Training ran out of memory: raise gradient_accumulation_steps, or lower batch_size or max_length, or "
            "choose a smaller base_model.",
            kind,
            recurs=True,
            code=OUT_OF_MEMORY,
        )
    place = traceback.extract_tb(error.__traceback__)[-1:] if error.__traceback__ else []
    where = f" in {Path(place[0].filename).name}, line {place[0].lineno}" if place else ""
    told = f": {str(error).splitlines()[0][:300]}" if isinstance(error, OSError) and str(error) else ""
    return Failure(
        f"The training program ended unexpectedly with {kind}{where}{told}. The traceback is in its log.",
        kind,
        recurs=not isinstance(error, OSError),
    )


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an exception is of Python, of PyTorch on a GPU, or of PyTorch on a CPU, that memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError | OSError) and any(told in str(error) for told in _NO_MEMORY)


def scrubbed_traceback(error: BaseException) -> str:
    """The traceback of `error` and its causes; messages that could quote a pair are left out, frames are kept."""
    parts = []
    for link in reversed(list(_chain(error))):
        parts += ["Traceback (most recent call last):\n", *traceback.format_tb(link.__traceback__)]
        safe = isinstance(link, (TrainingFailed, *_OUTSIDE)) and not isinstance(link, NotImplementedError)
        parts.append(f"{type(link).__name__}: {str(link) if safe else '(message left out: it could quote a pair)'}\n")
    return "".join(parts)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _disk_is_full(error: BaseException, run_dir: Path) -> bool:
    """Libraries wrap the error number away (safetensors, torch), so the message and the disk itself are asked too."""
    for link in _chain(error):
        if isinstance(link, OSError) and link.errno in FULL:
            return True
        if "No space left on device" in str(link) or "Disk quota exceeded" in str(link):
            return True
    wrote = isinstance(error, OSError | RuntimeError) and run_dir.exists()
    return wrote and shutil.disk_usage(run_dir).free < _FULL_DISK_BYTES
