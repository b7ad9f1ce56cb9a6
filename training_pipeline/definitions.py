"""The one entry Dagster loads; everything it sees, on one screen."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from training_pipeline.defs import assets, jobs, resources, sensors
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.services import Services, open_services


def build(settings: Settings, services: Callable[[], Services]) -> dg.Definitions:
    """Assets, jobs and sensors on the given services, which are opened when first used, once a process."""
    return dg.Definitions(
        assets=[*assets.external_assets, *assets.LAUNCH_ASSETS, *assets.FINALIZE_ASSETS],
        jobs=[jobs.create_training_job, jobs.launch_training, jobs.finalize_training],
        sensors=sensors.make_sensors(settings.poll_seconds),
        resources=resources.make_resources(services),
        # One process a run: a run's advisory lock is its sign of life, and starting a process a step would cost more
        # than the steps do.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads: the configured installation."""
    settings = Settings()
    return build(settings, lambda: open_services(settings))
