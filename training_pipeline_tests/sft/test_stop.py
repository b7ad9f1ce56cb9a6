from __future__ import annotations

import pytest

from training_pipeline.sft.stop import Stopped, StopRequest


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
