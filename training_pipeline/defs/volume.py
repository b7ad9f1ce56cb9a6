"""The sensor that removes from the volume of Databricks what nobody needs any more."""

# No postponed annotations here: Dagster reads those of what it decorates.
from typing import Final

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Conflict
from training_pipeline.infra import advisory_lock
from training_pipeline.settings import Settings

INTERVAL_SECONDS: Final = 3600
#: Folders that are removed in one tick, each in a few calls: well under the 60 s that a sensor has.
MOST: Final = 10
LOCK: Final = "volume"


def make_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor, where jobs run on Databricks and a retention is set; it runs by default."""
    if settings.backend != "databricks" or settings.databricks_retention_days is None:
        return []

    @dg.sensor(
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Removes datasets and results from the volume of Databricks that no job, model or lineage needs.",
    )
    def clean_databricks_volume(services: dg.ResourceParam[Services]) -> dg.SkipReason:
        """Remove what may be removed."""
        return dg.SkipReason(clean(services))

    return [clean_databricks_volume]


def clean(services: Services) -> str:
    """Remove what may be removed. Returns a summary for the tick."""
    if services.retention is None:
        return "No retention is set."
    try:
        with advisory_lock.hold(services.database, LOCK):
            verdicts = services.retention.verdicts(remove=True, most=MOST)
    except Conflict:
        return "Another process is cleaning the volume up."
    removed = [verdict for verdict in verdicts if verdict.removed]
    size = sum(verdict.size or 0 for verdict in removed)
    return f"Removed {len(removed)} folder(s) with {size:,} bytes; {len(verdicts) - len(removed)} are kept."
