"""The module that Dagster loads: all assets, jobs, sensors, schedules and resources."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import timedelta

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.app.everything import open_everything
from training_pipeline.defs import (
    alerts,
    assets,
    evaluations,
    graph,
    jobs,
    old_partitions,
    promotions,
    resources,
    retraining,
    revocations,
    sensors,
    studies,
    volume,
)
from training_pipeline.domain.errors import PipelineError
from training_pipeline.settings import Settings
from training_pipeline.settings.unknown import unknown_settings
from training_pipeline.sheets.files.source import SAMPLES, FileTrainingSheets

#: A model is warned of when it has come so far on its way to being stale.
WARN_AT = 0.8

_log = logging.getLogger(__name__)


def build(settings: Settings, services: Callable[[], Services], *, owners: Collection[str] = ()) -> dg.Definitions:
    """Assets, jobs, sensors and schedule on the given services, which are opened when first used, once a process.

    `owners` are those of the training sheets.
    """

    def presented(spec: dg.AssetSpec) -> dg.AssetSpec:
        spec = graph.with_owners(graph.with_backend(spec, str(settings.backend)), owners)
        if spec.key == dg.AssetKey("fine_tuned_model"):
            spec = spec.replace_attributes(freshness_policy=_fresh(settings))
        return spec

    all_assets: list[dg.AssetsDefinition | dg.AssetSpec] = [
        *assets.external_assets,
        *assets.LAUNCH_ASSETS,
        *assets.FINALIZE_ASSETS,
        evaluations.model_evaluation,
    ]
    return dg.Definitions(
        assets=list(dg.map_asset_specs(presented, all_assets)),
        jobs=[
            jobs.create_training_job,
            jobs.cancel_training_job,
            jobs.retry_training_job,
            evaluations.evaluate_model,
            promotions.promote_model,
            studies.create_study,
            retraining.retrain_changed_sheets,
            jobs.launch_training,
            jobs.finalize_training,
            evaluations.show_evaluation,
        ],
        sensors=[
            *sensors.make_sensors(settings.poll_seconds),
            revocations.make_sensor(settings.poll_seconds),
            evaluations.make_sensor(settings.poll_seconds),
            studies.make_sensor(settings.poll_seconds),
            alerts.tell_people,
            old_partitions.archive_old_partitions,
            *volume.make_sensors(settings),
        ],
        schedules=[retraining.make_schedule(settings)],
        resources=resources.make_resources(services),
        # One process a run: a run's advisory lock is its sign of life, and starting a process a step would cost more
        # than the steps do.
        executor=dg.in_process_executor,
    )


def _fresh(settings: Settings) -> dg.FreshnessPolicy:
    days = timedelta(days=settings.model_fresh_days)
    return dg.FreshnessPolicy.time_window(fail_window=days, warn_window=WARN_AT * days)


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads: the configured installation. Reads the heads of sheets on this machine, for their owners.

    Sheets in other systems are not read: loading must neither wait for another system nor fail because of it.
    """
    settings = Settings()
    for name, near in unknown_settings().items():  # the commands refuse it; here everything else would be lost, too
        _log.warning("there is no setting %s%s", name, f"; did you mean {near}?" if near else "")
    try:
        sheets = FileTrainingSheets([settings.sheets, SAMPLES]).list()
    except PipelineError as error:
        _log.warning("the assets are shown without the owners of training sheets: %s", error.message)
        sheets = []
    return build(settings, lambda: open_everything(settings), owners=graph.owners_of(sheets))
