"""The sensor that carries evaluations of model versions on."""

# No postponed annotations here: Dagster reads those of what it decorates.
import dagster as dg

from training_pipeline.app.container import Services


def make_sensor(interval: int) -> dg.SensorDefinition:
    """The sensor, at most every `interval` seconds, running by default."""

    @dg.sensor(
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at evaluations of model versions that have not ended: gives one that has its slot its "
        "questions, takes up one that was lost, and puts figures on record.",
    )
    def watch_evaluations(services: dg.ResourceParam[Services]) -> dg.SkipReason:
        """Carry on every evaluation that has not ended."""
        return dg.SkipReason(f"Looked at {services.evaluations.settle_all()} evaluation(s).")

    return watch_evaluations
