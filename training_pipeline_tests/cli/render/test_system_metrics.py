from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console

from training_pipeline.cli.render.system_metrics import machine_figures
from training_pipeline.schemas.system_metrics import TrainingJobSystemMetrics

AT = datetime(2026, 11, 23, tzinfo=UTC)


def shown(found: TrainingJobSystemMetrics) -> str:
    console = Console(width=120, record=True, file=None)
    with console.capture() as capture:
        console.print(machine_figures(found))
    return capture.get()


def test_each_figure_from_its_lowest_to_its_highest() -> None:
    rows = [
        {"measured_at": AT, "cpu_percent": 10.0, "training_memory_mb": 2048.0},
        {"measured_at": AT, "cpu_percent": 95.5, "training_memory_mb": 3072.0},
    ]
    blank = dict.fromkeys(("training_cpu_percent", "memory_available_mb", "gpu_percent", "gpu_memory_available_mb"))
    blank |= dict.fromkeys(("training_gpu_memory_mb", "disk_available_mb", "training_disk_mb"))
    found = TrainingJobSystemMetrics.of("tj-1", [{**blank, **row} for row in rows], total=9, not_measured=None)
    text = shown(found)
    assert "10.0 to 95.5%" in text
    assert "2.0 to 3.0 GB" in text
    assert "not measured" in text
    assert "2 of 9 samples" in text


def test_why_there_is_none() -> None:
    none = TrainingJobSystemMetrics.of("tj-1", [], total=0, not_measured="See the page of the run.")
    assert "Not measured. See the page of the run." in shown(none)
    assert "yet" in shown(none.model_copy(update={"not_measured": None}))
