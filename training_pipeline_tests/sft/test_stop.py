from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.sft.stop import SharedStop, Stopped, StopRequest


def test_a_stop_waits_for_the_step_only_while_it_lasts() -> None:
    stop = StopRequest()
    assert not stop.patient
    with stop.patiently():
        assert stop.patient
    assert not stop.patient


def test_a_step_that_fails_leaves_no_patience_behind() -> None:
    stop = StopRequest()
    with pytest.raises(Stopped), stop.patiently():
        raise Stopped
    assert not stop.patient


def test_the_wish_is_a_file_for_processes_that_train_together(tmp_path: Path) -> None:
    stop = SharedStop(tmp_path / "stop", tmp_path / "patient")
    assert not stop.asked
    with stop.patiently():
        assert (tmp_path / "patient").exists()
        (tmp_path / "stop").touch()  # as their launcher does
        assert stop.asked
    assert not (tmp_path / "patient").exists()
