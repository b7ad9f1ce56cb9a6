"""The sensor that carries evaluations of model versions on."""

# No postponed annotations here: Dagster reads those of what it decorates.
import dagster as dg

from training_pipeline.app.container import Services


def make_sensor(interval: int) -> dg.SensorDefinition:
    """The sensor, at most every `interval` seconds, running by default."""

    @dg.sensor(
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts the evaluations that training sheets request, and follows the running ones: hands out the "
        "questions once an evaluation has its slot, restarts lost ones, and records the metrics.",
    )
    def watch_evaluations(services: dg.ResourceParam[Services]) -> dg.SkipReason:
        """Start the evaluations that training sheets ask for, and carry on every one that has not ended."""
        started = services.automatic_evaluations.start_due()
        looked = services.evaluations.settle_all()
        return dg.SkipReason(f"Started {started} and looked at {looked} evaluation(s).")

    return watch_evaluations
