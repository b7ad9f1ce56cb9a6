"""The installation that a command works on: state directory, database, migrations, services and Dagster's instance."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from training_pipeline.app.container import Services, open_services
from training_pipeline.settings import Settings

if TYPE_CHECKING:
    import dagster as dg


@contextmanager
def installation(settings: Settings) -> Iterator[tuple[Services, dg.DagsterInstance]]:
    """The services and Dagster's instance, prepared where they are not yet; parts are built when first used.

    Raises `Unavailable`.
    """
    from training_pipeline.cli.system.environment import prepare_environment

    os.environ.update(prepare_environment(settings))
    import dagster as dg

    services = open_services(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield services, instance
