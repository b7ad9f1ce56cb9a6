"""The sensor that removes from the volume of Databricks what nobody needs any more."""

# No postponed annotations here: Dagster reads those of what it decorates.
from typing import Final

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Conflict
from training_pipeline.infra import advisory_lock
from training_pipeline.settings import Settings

INTERVAL_SECONDS: Final = 3600
#: Folders that are removed in one tick, each in a few calls, and the seconds after which no other one is looked at:
#: well under the 60 s that a sensor has.
MOST: Final = 10
SECONDS: Final = 20.0
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
    def clean_databricks_volume(
        context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]
    ) -> dg.SensorResult:
        """Remove what may be removed. The cursor is the folder that the last tick came to."""
        said, cursor = clean(services, context.cursor or "")
        return dg.SensorResult(skip_reason=dg.SkipReason(said), cursor=cursor)

    return [clean_databricks_volume]


def clean(services: Services, after: str = "") -> tuple[str, str]:
    """Remove what may be removed behind the folder `after`. Returns a summary for the tick, and where to go on."""
    if services.retention is None:
        return "No retention is set.", ""
    try:
        with advisory_lock.hold(services.database, LOCK):
            done = services.retention.round(remove=True, after=after, most=MOST, seconds=SECONDS)
    except Conflict:
        return "Another process is cleaning the volume up.", after
    removed = [verdict for verdict in done.verdicts if verdict.removed]
    size = sum(verdict.size or 0 for verdict in removed)
    said = f"Removed {len(removed)} folder(s) with {size:,} bytes; {len(done.verdicts) - len(removed)} are kept."
    if hindered := [verdict for verdict in done.verdicts if verdict.hindered]:
        said += (
            f" {len(hindered)} of these for an error, such as {hindered[0].folder.path}: {hindered[0].why.rstrip('.')}."
        )
    return (f"{said} The next tick continues after {done.after}." if done.after else said), done.after
