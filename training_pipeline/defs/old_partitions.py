"""The partitions of training jobs that ended long ago: archived and taken out of Dagster's list.

Every training job leaves a partition, and Dagster's pages slow down with their number. The jobs, their events, lineage
records and Dagster runs stay.
"""

# No postponed annotations here: Dagster reads those of what it decorates.
import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.defs.archive import archive
from training_pipeline.defs.partitions import training_job_partitions
from training_pipeline.domain.errors import Conflict, PipelineError
from training_pipeline.training_jobs.lifecycle.claims import at_rest
from training_pipeline.training_jobs.store.jobs import JobStore

INTERVAL_SECONDS: Final = 60
#: Well under the 60 s after which Dagster gives a sensor up.
TICK_SECONDS: Final = 20.0

_log = logging.getLogger(__name__)


def archived(store: JobStore, instance: dg.DagsterInstance, job_ids: Iterable[str], *, root: Path) -> list[str]:
    """Archive these jobs, which have ended, until one cannot be; those that are, whose partitions may go.

    Idempotent. A disk that is full is tried again by the next tick.
    """
    done: list[str] = []
    for job_id in job_ids:
        try:
            archive(store, instance, job_id, root=root)
        except Conflict:
            pass  # an archive with more in it is there
        except (PipelineError, OSError) as error:
            _log.warning("the training job %s is not archived: %s", job_id, error)
            break
        done.append(job_id)
    return done


def surplus(store: JobStore, instance: dg.DagsterInstance, kept: int) -> list[str]:
    """The jobs at rest among those whose partitions came before the latest `kept`, oldest first. Reads only."""
    oldest = instance.get_dynamic_partitions(training_job_partitions.name or "")[:-kept]
    resting = at_rest(store, oldest) if oldest else set()
    return [job_id for job_id in oldest if job_id in resting]


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Archives the oldest training jobs that have ended, and deletes their partitions, where there are more "
    "partitions than DAGSTER_PARTITIONS_KEPT.",
)
def archive_old_partitions(
    context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]
) -> dg.SensorResult:
    """Archive for a while; the next tick goes on."""
    kept = services.settings.dagster_partitions_kept
    old = surplus(services.store, context.instance, kept)
    until = time.monotonic() + TICK_SECONDS
    gone = archived(
        services.store,
        context.instance,
        (job_id for job_id in old if time.monotonic() < until),
        root=services.settings.state_dir / "archive",
    )
    said = f"More than {kept} partitions: {len(old)}; archived and deleted: {len(gone)}."
    return dg.SensorResult(
        skip_reason=dg.SkipReason(said if old else f"No more than {kept} partitions, or the older ones are in use."),
        dynamic_partitions_requests=[training_job_partitions.build_delete_request(gone)] if gone else [],
    )
