"""The sensor that carries studies on."""

# No postponed annotations here: Dagster reads those of what it decorates.
import dagster as dg

from training_pipeline.app.container import Services


def make_sensor(interval: int) -> dg.SensorDefinition:
    """The sensor, at most every `interval` seconds, running by default."""

    @dg.sensor(
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Records ended trials of studies, stops unpromising ones, starts new ones, and ends studies.",
    )
    def advance_studies(services: dg.ResourceParam[Services]) -> dg.SkipReason:
        """Carry on every study that has not ended."""
        count = services.advance_studies.all()
        return dg.SkipReason(f"Advanced {count} " + ("study." if count == 1 else "studies."))

    return advance_studies
