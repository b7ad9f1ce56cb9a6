"""Ctrl-C at any moment: after the next start the job goes on where it was."""

from __future__ import annotations

import pytest

from training_pipeline.testing.running_system import RunningSystem
from training_pipeline.training_jobs.lifecycle.claims import Phase

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_ctrl_c_at_any_moment(system: RunningSystem) -> None:
    training = system.create().id
    system.until(training, lambda job: job.status == "running", "the training")
    launching = system.create().id
    system.until(launching, lambda job: job.launch_run_id is not None, f"the {Phase.LAUNCH} run")
    pending = system.create().id
    system.interrupt()
    assert system.job(pending).status == "pending"
    system.up()
    system.release(training)
    system.until(training, lambda job: job.finalize_run_id is not None, f"the {Phase.FINALIZE} run")
    system.interrupt()
    system.up()
    for job_id in (training, launching, pending):
        system.assert_succeeded_once(job_id)
