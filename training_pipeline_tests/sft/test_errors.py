from __future__ import annotations

import errno
import pickle
from pathlib import Path

import pytest

from training_pipeline.sft.errors import DISK_FULL, TrainingFailed, explain, scrubbed_traceback

SECRET = "patient Miller has a fracture"


def raised(error: Exception) -> Exception:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise error from cause
    except (TrainingFailed, OSError, RuntimeError, ValueError, MemoryError) as caught:
        return caught


def test_what_we_say_ourselves_is_said(tmp_path: Path) -> None:
    error = raised(TrainingFailed("too_high", "Lower it."))
    failure = explain(error, tmp_path)
    assert (failure.error, failure.error_type, failure.recurs) == ("Lower it.", "TrainingFailed", True)
    assert (failure.code, explain(raised(ValueError(SECRET)), tmp_path).code) == ("too_high", None)
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, str(again)) == ("too_high", "Lower it.")


def test_a_full_disk_is_recognised_however_it_is_wrapped(tmp_path: Path) -> None:
    wrapped = RuntimeError("I/O error: No space left on device (os error 28)")
    for error in (raised(OSError(errno.ENOSPC, "No space left on device")), raised(wrapped)):
        failure = explain(error, tmp_path)
        assert "is full" in failure.error
        assert (failure.error_type, failure.recurs) == (DISK_FULL, False)


@pytest.mark.parametrize(
    "told",
    [
        "DefaultCPUAllocator: can't allocate memory: you tried …",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_memory_that_ran_out_is_told_whatever_noticed_it(tmp_path: Path, told: str) -> None:
    failure = explain(raised(RuntimeError(told)), tmp_path)
    assert "gradient_accumulation_steps" in failure.error
    assert failure.recurs
    assert failure.code == explain(raised(MemoryError()), tmp_path).code == "out_of_memory"


def test_unexpected_errors_name_the_place_and_never_quote(tmp_path: Path) -> None:
    error = raised(ValueError(SECRET))
    failure = explain(error, tmp_path)
    assert "ValueError in test_errors.py" in failure.error
    trace = scrubbed_traceback(error)
    assert SECRET not in failure.error + trace
    assert "KeyError" in trace
    assert "in raised" in trace
    assert trace.index("KeyError") < trace.index("ValueError: (message")


def test_messages_of_the_system_are_kept() -> None:
    assert "mat1 and mat2" in scrubbed_traceback(raised(RuntimeError("mat1 and mat2 shapes cannot be multiplied")))
