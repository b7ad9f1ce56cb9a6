"""Runs one training job in this process, without Dagster's daemon: the same claims and the same Dagster runs.

Nothing is done twice beside a running daemon: whichever claims a phase first works on it, the other watches.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.backends.local.news import News
from training_pipeline.definitions import build
from training_pipeline.defs import plots
from training_pipeline.defs.partitions import RUNS, job_tags, run_tags, training_job_partitions
from training_pipeline.defs.sensors import settle_runs
from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob
from training_pipeline.training_jobs.lifecycle.claims import claim

LOOK_SECONDS = 0.5
#: Between two looks for what a local run has to tell, for which the job is looked at at once.
NEWS_SECONDS = 0.02
SETTLE_SECONDS = 10.0


def drive(
    services: Services,
    instance: dg.DagsterInstance,
    job_id: str,
    *,
    seen: Callable[[TrainingJob], None] = lambda _: None,
    wait: bool = True,
) -> TrainingJob:
    """Launch the job and, with `wait`, poll and finish it until it ends, or is trained and cannot be finished for now.

    Returns the job as it then is.

    `seen` is called with the job after every poll. After an interruption the next driver or daemon takes over.
    """
    for job in driven(services, instance, job_id):
        seen(job)
        if (not wait and job.launch.done_at is not None) or (job.is_trained and job.error_message is not None):
            break
    return job


def driven(services: Services, instance: dg.DagsterInstance, job_id: str) -> Iterator[TrainingJob]:
    """Yields the job after every poll while it is launched, polled and finished, until it ends."""
    definitions = build(services.settings, lambda: services)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    settled, news, to_import = time.monotonic(), News(services.settings.runs), True
    while True:
        for phase, run in RUNS.items():
            for job in claim(services.store, phase, job_id=job_id):
                instance.add_dynamic_partitions(str(training_job_partitions.name), [job_id])
                definitions.resolve_job_def(run).execute_in_process(
                    run_config=quiet,
                    instance=instance,
                    partition_key=job_id,
                    tags={**job_tags(job), **run_tags(phase, job_id, job.phase(phase).attempt)},
                    raise_on_error=False,
                )
        services.permission_watch.check_due(job_id=job_id)
        job = services.poller.poll_if_due(job_id)
        if job.status is JobStatus.QUEUED:  # a run that has the slot may wait for somebody to poll it
            services.poller.poll_due(seconds=LOOK_SECONDS)
        yield job
        unfinished = job.polling.backend_status not in {None, JobStatus.CANCELLED} and job.finalize.done_at is None
        if job.status in TERMINAL and not unfinished:
            if services.catalog_lineage is not None:
                services.catalog_lineage.write_due()
            return
        if time.monotonic() - settled > SETTLE_SECONDS:
            settle_runs(instance, services)
            settled = time.monotonic()
        if job.status is JobStatus.RUNNING and to_import:
            plots.imported()  # the finish run draws, and while the job trains there is time
            to_import = False
        if job.polling.backend_status is None or job.finalize.attempt:  # else the job is to be finished
            _wait(news)


def _wait(news: News) -> None:
    """Wait `LOOK_SECONDS`, or until a local run has something to tell."""
    over = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < over and not news.is_fresh():
        time.sleep(NEWS_SECONDS)
