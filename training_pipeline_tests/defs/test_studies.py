from __future__ import annotations

from types import SimpleNamespace

import dagster as dg
import pytest

from training_pipeline.defs.studies import make_sensor


@pytest.mark.parametrize(("count", "said"), [(1, "Advanced 1 study."), (3, "Advanced 3 studies.")])
def test_the_sensor_carries_every_study_on(count: int, said: str) -> None:
    services = SimpleNamespace(advance_studies=SimpleNamespace(all=lambda: count))
    sensor = make_sensor(5)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    with dg.build_sensor_context(resources={"services": services}) as context:
        skipped = sensor(context)
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == said
