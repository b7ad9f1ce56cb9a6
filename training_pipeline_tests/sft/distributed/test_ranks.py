from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.sft.distributed.ranks import OtherFailed, Ranks, join, lost_another
from training_pipeline.sft.errors import TrainingFailed


def test_one_process_does_everything_itself() -> None:
    alone = Ranks()
    assert alone.first
    assert alone.from_first(lambda: 3) == 3
    assert alone.total(1.5, 2) == [1.5, 2]
    alone.wait()


def test_a_process_that_only_saw_another_one_go_has_no_cause_to_tell() -> None:
    class DistBackendError(RuntimeError):
        pass

    assert lost_another(OtherFailed())
    assert lost_another(DistBackendError("remote process exited"))
    assert lost_another(RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:1"))
    assert not lost_another(RuntimeError("CUDA out of memory"))
    assert not lost_another(TrainingFailed("told", "lower learning_rate"))
    assert not lost_another(ConnectionResetError("closed by peer"))  # of a download


def test_processes_meet_at_a_file(tmp_path: Path) -> None:
    import torch.distributed as dist

    ranks = join(tmp_path / "meeting", {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"})
    try:
        assert ranks == Ranks()
        # With a process group every way is that of several processes.
        several = Ranks(count=1)
        assert several.total(2.0) == [2.0]
        two = Ranks(count=2)  # as it would say of a group of two: this one has one member
        assert two.from_first(lambda: {"a": Path("b")}) == {"a": Path("b")}
        assert two.total(0.5, 7) == [0.5, 7.0]
        with pytest.raises(TrainingFailed, match="told here"):
            two.from_first(lambda: _raise())
    finally:
        dist.destroy_process_group()


def _raise() -> None:
    raise TrainingFailed("told", "told here")
