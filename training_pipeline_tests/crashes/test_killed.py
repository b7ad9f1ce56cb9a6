"""Processes are killed at any moment: every job ends as it should, submitted once, and nothing is lost."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest
from dagster_graphql import DagsterGraphQLClient
from sqlalchemy.exc import OperationalError

from training_pipeline.cli.system import up_record
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.testing.polling import until
from training_pipeline.testing.system.running_system import RunningSystem
from training_pipeline.testing.trainers.local_backend import supervisor_pid, trainer_pid

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # Dagster's own client calls its GraphQL library in a way that is going out of use.
    pytest.mark.filterwarnings("ignore:Using variable_values and operation_name:DeprecationWarning"),
]


def launched_from_the_launchpad(system: RunningSystem) -> str:
    """The id of a job created as the Launchpad of the Dagster UI does it."""
    client = DagsterGraphQLClient("127.0.0.1", port_number=system.port)
    config = {"training_sheet_id": "small", "model_name": "triage", "requested_by": "grace"}
    client.submit_job_execution(
        "create_training_job",
        repository_location_name="training_pipeline",
        repository_name="__repository__",
        run_config={"ops": {"create": {"config": config}}},
    )
    until(lambda: system.services.jobs.list(created_by="grace")[1], seconds=120, what="the job from the Launchpad")
    return system.services.jobs.list(created_by="grace")[0][0].id


def test_processes_of_a_job_and_the_database_are_killed_while_it_runs(system: RunningSystem) -> None:
    loses_trainer, loses_supervisor = system.create().id, system.create().id
    from_launchpad = launched_from_the_launchpad(system)
    for job_id, victim in ((loses_trainer, trainer_pid), (loses_supervisor, supervisor_pid)):
        system.until(
            job_id, lambda job: job.status == "running" and (job.progress.current_step or 0) > 0, "the training"
        )
        os.kill(victim(system.services.backend._runs.of(job_id, 1)), signal.SIGKILL)  # type: ignore[attr-defined]
    launching = system.create().id
    system.until(from_launchpad, lambda job: job.status == "running", "the training")
    system.until(launching, lambda job: job.data.dataset_digest is not None, "the dataset")
    server = EmbeddedPostgres(system.settings.state_dir / "postgres")
    postmaster = server.pid()
    assert postmaster is not None
    find = system.services.backend.find
    with suppress(OperationalError), system.held_events() as waiting:  # its own connection dies with the server
        until(lambda: find(launching, 1) is not None and waiting(), seconds=120, what="the submit")
        os.kill(postmaster, signal.SIGKILL)
        until(
            lambda: server.pid() not in {None, postmaster} and server.accepts_connections(),
            seconds=90,
            what="the restart of PostgreSQL",
        )
    system.assert_succeeded_once(from_launchpad)
    system.assert_succeeded_once(loses_trainer, trainer_starts=2)
    system.assert_succeeded_once(loses_supervisor)
    system.assert_succeeded_once(launching)
    assert system.job(launching).launch.attempt <= 2  # 1 if what waited came to its lock before the server died


@pytest.mark.nightly
def test_the_run_worker_is_killed_before_and_after_the_submit(system: RunningSystem) -> None:
    killed_before = system.create().id
    with system.held_events():  # the first event of the launch is what the gates counted
        job = system.until(killed_before, lambda job: job.launch.run_id is not None, "the launch run")
        os.kill(system.worker(job.launch.run_id), signal.SIGKILL)
    killed_after = system.create().id
    system.until(killed_after, lambda job: job.data.dataset_digest is not None, "the dataset")
    with system.held_events():  # the next event is that the backend has accepted the job
        find = system.services.backend.find
        until(lambda: find(killed_after, 1) is not None, seconds=120, what="the submit")
        job = system.job(killed_after)
        assert (job.status, job.handles.backend_run_id) == ("pending", None)
        os.kill(system.worker(job.launch.run_id), signal.SIGKILL)
    for job_id in (killed_before, killed_after):
        system.assert_succeeded_once(job_id)
        assert system.job(job_id).launch.attempt == 2


@pytest.mark.nightly  # the gate kills them one by one
def test_everything_is_killed_in_the_middle_of_launch_and_of_finish(system: RunningSystem) -> None:
    job_id = system.create().id
    system.until(job_id, lambda job: job.data.dataset_digest is not None, "the dataset")
    with system.held_events():
        until(lambda: system.services.backend.find(job_id, 1) is not None, seconds=120, what="the submit")
        system.kill()
    system.up()
    system.release(job_id)
    system.until(job_id, lambda job: job.finalize.run_id is not None, "the finalize run")
    with system.held_events():  # the next event is that the model has been registered
        client = system.tracking.client
        run_id = system.job(job_id).handles.mlflow_run_id
        until(lambda: client.search_model_versions(f"run_id = '{run_id}'"), seconds=120, what="the registration")
        assert system.job(job_id).status == "running"
        system.kill()
    system.up()
    system.assert_succeeded_once(job_id)


@pytest.mark.nightly
def test_the_code_server_is_killed_while_a_job_trains(system: RunningSystem) -> None:
    job_id = system.create().id
    system.until(job_id, lambda job: job.status == "running", "the training")
    record = up_record.read_record(system.settings)
    assert record is not None
    killed = next(child.process for child in record.children if child.name == "code_server")
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: "code server was started again" in system.output.read_text(), seconds=120, what="restart")
    system.assert_succeeded_once(job_id)
    system.assert_succeeded_once(launched_from_the_launchpad(system))
