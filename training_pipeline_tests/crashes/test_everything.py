"""Everything ends at once, while jobs are at every stage of their lives; then it is started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from training_pipeline_tests.crashes import breakpoints
from training_pipeline_tests.crashes.breakpoints import breakpoint_at
from training_pipeline_tests.crashes.ending import assert_succeeded_once, until_dagster_has_ended_every_run
from training_pipeline_tests.crashes.running_system import RunningSystem

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@contextmanager
def jobs_at_work(
    system: RunningSystem, name: str, *, launch: tuple[str, ...], finish: tuple[str, ...]
) -> Iterator[list[str]]:
    """Jobs that are held at these places of their launch and finish runs, one that trains, and one just created.

    When the block ends all are let go.
    """
    with ExitStack() as stack:
        jobs = []
        for places in (finish, launch):
            held = []
            for place in places:
                held.append(stack.enter_context(breakpoint_at(system.services.database, place, f"{name}-{place}")))
                jobs.append(system.create(f"{name}-{place}"))
            if places is finish:
                for job_id in jobs:
                    system.let_train(job_id)
                training = system.create(f"{name}-training")
                system.until_trained_to_the_hold(training)
            for one in held:
                one.until_reached()
        jobs += [training, system.create(f"{name}-pending")]
        yield jobs
    for job_id in jobs:
        system.let_train(job_id)


def assert_all_succeed_once(system: RunningSystem, jobs: list[str]) -> None:
    for job_id in jobs:
        assert_succeeded_once(system, job_id)
    until_dagster_has_ended_every_run(system)


def test_everything_is_killed(system: RunningSystem) -> None:
    launch = (breakpoints.INTENDED, breakpoints.SUBMITTED)
    finish = (breakpoints.MEASURED, breakpoints.REGISTERED)
    with jobs_at_work(system, "killed", launch=launch, finish=finish) as jobs:
        system.kill()
    jobs.append(system.create("created-while-down"))
    system.let_train(jobs[-1])
    system.up()
    assert_all_succeed_once(system, jobs)


def test_ctrl_c(system: RunningSystem) -> None:
    launch = (breakpoints.JUDGED, breakpoints.MATERIALIZED)
    with jobs_at_work(system, "ctrl-c", launch=launch, finish=(breakpoints.REGISTERED,)) as jobs:
        system.press_ctrl_c()
    system.until_ended()
    system.up()
    assert_all_succeed_once(system, jobs)


def test_postgresql_is_killed(system: RunningSystem) -> None:
    launch = (breakpoints.JUDGED, breakpoints.SUBMITTED)
    with jobs_at_work(system, "postgres", launch=launch, finish=(breakpoints.NEARLY_DONE,)) as jobs:
        system.kill_postgres()
    assert_all_succeed_once(system, jobs)
    assert system.is_up(), system.output
