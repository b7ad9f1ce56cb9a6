from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from training_pipeline.schemas.system_metrics import MachineSample
from training_pipeline.web.jobs.system import SystemView, figures_of

AT = datetime(2026, 11, 23, tzinfo=UTC)


def sample(number: int, **values: Any) -> MachineSample:
    at = AT + timedelta(seconds=number)
    return MachineSample.model_validate({**dict.fromkeys(MachineSample.model_fields), "measured_at": at, **values})


def test_the_figures_say_whether_the_machine_was_enough() -> None:
    samples = [
        sample(0, cpu_percent=20.0, training_memory_mb=512.0, memory_available_mb=4096.0),
        sample(1, cpu_percent=60.0, training_memory_mb=2048.0, memory_available_mb=1024.0),
        sample(2, training_memory_mb=1024.0, memory_available_mb=3072.0),
    ]
    told = figures_of(samples)
    assert told["Processor, mean"] == "40 %"
    assert told["Peak memory of this training"] == "2 GB"
    assert told["Least free memory"] == "1 GB"
    assert {told[name] for name in told if "GPU" in name} == {"not measured"}
    assert set(figures_of([]).values()) == {"not measured"}


def test_a_view_is_over_time_whatever_the_url_says() -> None:
    view = SystemView.parse({"x": "time", "start": "60", "end": "nonsense", "hide": "machine"})
    assert (view.x, view.start, view.end, view.hide) == ("time", 60.0, None, ("machine",))
    assert view.query() == "hide=machine&start=60"
    assert SystemView().query() == ""
