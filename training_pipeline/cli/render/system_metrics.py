"""What the machine did while a job trained, in a terminal: each figure as a line of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.text import Text

from training_pipeline.cli.render.job import facts, figure
from training_pipeline.cli.render.metrics import WIDTH, bars

if TYPE_CHECKING:
    from training_pipeline.schemas.system_metrics import TrainingJobSystemMetrics

#: What is shown of a sample: its name, its words, its unit and by what it is divided.
_FIGURES: Final = (
    ("cpu_percent", "processors", "%", 1.0),
    ("training_cpu_percent", "of that this training", "%", 1.0),
    ("memory_available_mb", "free memory", " GB", 1024.0),
    ("training_memory_mb", "memory of this training", " GB", 1024.0),
    ("gpu_percent", "GPU", "%", 1.0),
    ("gpu_memory_available_mb", "free GPU memory", " GB", 1024.0),
    ("training_gpu_memory_mb", "GPU memory of this training", " GB", 1024.0),
    ("disk_available_mb", "free disk", " GB", 1024.0),
    ("training_disk_mb", "disk of this training", " GB", 1024.0),
)


def machine_figures(found: TrainingJobSystemMetrics) -> RenderableType:
    """A line for each figure, from its lowest to its highest; or why there is none."""
    if not found.samples:
        said = f"Not measured. {found.not_measured}" if found.not_measured else "Nothing was measured yet."
        return Text(said, style="dim")
    lines = facts()
    lines.add_row("job", found.job_id)
    for name, words, unit, divisor in _FIGURES:
        values = [value / divisor for sample in found.samples if (value := getattr(sample, name)) is not None]
        if values:
            ends = f"{figure(min(values), 1)} to {figure(max(values), 1)}{unit}"
            lines.add_row(words, Text(bars(values, WIDTH), style="cyan"), ends)
        else:
            lines.add_row(words, Text("not measured", style="dim"))
    shown = f"{found.samples_total:,} samples"
    foot = f"{len(found.samples):,} of {shown}" if found.sampled else shown
    return Group(lines, Text(foot, style="dim"))
