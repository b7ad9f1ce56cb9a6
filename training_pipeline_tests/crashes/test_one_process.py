"""One process of a job dies: its trainer, its supervisor, the worker of its Dagster run. Only the job notices."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack

import pytest
from dagster_graphql import DagsterGraphQLClient

from training_pipeline_tests.backends.stand_in import kill_and_wait, supervisor_pid, trainer_pid
from training_pipeline_tests.crashes import breakpoints
from training_pipeline_tests.crashes.breakpoints import breakpoint_at
from training_pipeline_tests.crashes.ending import assert_succeeded_once, until_dagster_has_ended_every_run
from training_pipeline_tests.crashes.running_system import HELD_AT_STEP, RunningSystem
from training_pipeline_tests.polling import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


# Dagster's own client calls its GraphQL library in a way that is going out of use.
@pytest.mark.filterwarnings("ignore:Using variable_values and operation_name:DeprecationWarning")
def test_a_job_from_the_launchpad_runs_to_its_model_by_sensors_alone(system: RunningSystem) -> None:
    client = DagsterGraphQLClient("127.0.0.1", port_number=system.port)
    config = {"training_sheet_id": "small", "model_name": "from-launchpad", "created_by": "grace"}
    client.submit_job_execution(
        "create_training_job",
        repository_location_name="training_pipeline",
        repository_name="__repository__",
        run_config={"ops": {"create": {"config": config}}},
    )
    until(lambda: system.services.jobs.list(created_by="grace")[1], seconds=60, what="the job from the Launchpad")
    job_id = system.services.jobs.list(created_by="grace")[0][0].id
    system.let_train(job_id)
    assert_succeeded_once(system, job_id)


def test_trainer_and_supervisor_are_killed(system: RunningSystem) -> None:
    loses_trainer, loses_supervisor, loses_both = jobs = [system.create(f"loses-{number}") for number in range(3)]
    for job_id in jobs:
        system.until_trained_to_the_hold(job_id)
    os.kill(trainer_pid(system.run_directory(loses_trainer)), signal.SIGKILL)
    kill_and_wait(supervisor_pid(system.run_directory(loses_supervisor)))
    kill_and_wait(supervisor_pid(system.run_directory(loses_both)))
    kill_and_wait(trainer_pid(system.run_directory(loses_both)))
    for job_id in jobs:
        system.let_train(job_id)
    from_checkpoint = HELD_AT_STEP - 1
    assert_succeeded_once(system, loses_trainer, trained_from=(0, from_checkpoint))
    assert_succeeded_once(system, loses_supervisor)
    assert_succeeded_once(system, loses_both, trained_from=(0, from_checkpoint))


def test_the_worker_of_a_run_is_killed_at_each_place(system: RunningSystem) -> None:
    """Each job loses the worker of its launch run, and most of them later that of their finish run."""
    with ExitStack() as stack:
        held = {
            place: stack.enter_context(breakpoint_at(system.services.database, place, f"worker-{number}"))
            for places in (breakpoints.LAUNCH, breakpoints.FINISH)
            for number, place in enumerate(places)
        }
        jobs = [system.create(f"worker-{number}") for number, _ in enumerate(breakpoints.LAUNCH)]
        for job_id in jobs:
            system.let_train(job_id)
        for job_id, place in zip(jobs, breakpoints.LAUNCH, strict=True):
            held[place].until_reached()
            kill_and_wait(system.worker(system.job(job_id).launch_run_id))
            held[place].let_go()
        for job_id, place in zip(jobs, breakpoints.FINISH, strict=False):
            held[place].until_reached()
            kill_and_wait(system.worker(system.job(job_id).finalize_run_id))
            held[place].let_go()
    for job_id in jobs:
        assert_succeeded_once(system, job_id)
    assert [system.job(job_id).launch_attempt for job_id in jobs] == [2, 2, 2, 2]
    assert [system.job(job_id).finalize_attempt for job_id in jobs] == [2, 2, 2, 1]
    until_dagster_has_ended_every_run(system)
