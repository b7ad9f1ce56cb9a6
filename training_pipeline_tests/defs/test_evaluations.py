from __future__ import annotations

from types import SimpleNamespace

import dagster as dg

from training_pipeline.defs.evaluations import make_sensor


def test_the_sensor_carries_every_evaluation_on() -> None:
    services = SimpleNamespace(
        evaluations=SimpleNamespace(settle_all=lambda: 3), automatic_evaluations=SimpleNamespace(start_due=lambda: 2)
    )
    sensor = make_sensor(5)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    with dg.build_sensor_context(resources={"services": services}) as context:
        said = sensor(context)
    assert isinstance(said, dg.SkipReason)
    assert said.skip_message == "Started 2 and looked at 3 evaluation(s)."
