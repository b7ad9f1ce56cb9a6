"""Ctrl-C at any moment: after the next start the job goes on where it was."""

from __future__ import annotations

import pytest

from training_pipeline.domain.job import Phase
from training_pipeline.testing.system.running_system import RunningSystem

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.nightly
def test_ctrl_c_at_any_moment(system: RunningSystem) -> None:
    training = system.create().id
    system.until(training, lambda job: job.status == "running", "the training")
    launching = system.create().id
    system.until(launching, lambda job: job.launch.run_id is not None, f"the {Phase.LAUNCH} run")
    pending = system.create().id
    system.interrupt()
    assert system.job(pending).status == "pending"
    system.up()
    system.release(training)
    system.until(training, lambda job: job.finalize.run_id is not None, f"the {Phase.FINALIZE} run")
    system.interrupt()
    system.up()
    for job_id in (training, launching, pending):
        system.assert_succeeded_once(job_id)
