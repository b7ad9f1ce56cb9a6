"""The parameters that differ, and the best validation loss: a line for each job over an axis for each, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from training_pipeline.schemas.comparison import TrainingJobComparison
from training_pipeline.web import formats
from training_pipeline.web.charts.parallel_chart import ParallelChart
from training_pipeline.web.comparison.curves import LETTERS, Go
from training_pipeline.web.comparison.view import ComparisonView
from training_pipeline.web.elements import Tag, panel, small_table

LOSS: Final = "Best validation loss"
#: What is no part of the configuration and yet a parameter.
_BESIDE: Final = ("base_model", "train_val_split")
_OF_CONFIG: Final = "training_config."
#: From this ratio of the highest to the lowest value on, an axis is logarithmic.
_WIDE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Coordinate:
    """An axis: its name, and the value of each job; None where it has none. `words` are the values as they are read."""

    name: str
    values: tuple[Any, ...]
    words: tuple[str, ...]

    def drawn(self) -> dict[str, Any]:
        """The axis as ECharts knows it."""
        if not _numbers(self.values):
            return {"name": self.name, "type": "category", "data": list(dict.fromkeys(self.words))}
        known = [value for value in self.values if value is not None]
        wide = min(known) > 0 and max(known) / min(known) >= _WIDE
        ends = {"min": min(known), "max": max(known)} if min(known) < max(known) else {}
        return {"name": self.name, "type": "log" if wide else "value", "scale": True, **ends}

    def places(self) -> list[Any]:
        """Where the line of each job meets the axis; null where it does not."""
        return list(self.values if _numbers(self.values) else self.words)


def coordinates(found: TrainingJobComparison) -> list[Coordinate]:
    """The parameters that differ, and the best validation loss; empty where none differs."""
    axes = [
        Coordinate(
            each.field.removeprefix(_OF_CONFIG),
            tuple(each.values),
            tuple(formats.value(value) for value in each.values),
        )
        for each in found.differences
        if each.field.startswith(_OF_CONFIG) or each.field in _BESIDE
    ]
    losses = tuple(None if job.val_loss is None else job.val_loss.best.value for job in found.jobs)
    if axes and any(loss is not None for loss in losses):
        axes.append(Coordinate(LOSS, losses, tuple(formats.loss(loss) for loss in losses)))
    return axes


class ParametersPanel:
    """Nothing where no parameter differs. A job that is chosen is marked in both, and stands in the page's URL."""

    def __init__(self, found: TrainingJobComparison, view: ComparisonView, go: Go) -> None:
        self._jobs, self._go = found.jobs, go
        self._view = view
        self._rows: dict[str, tuple[Tag, Tag]] = {}
        self._chart: ParallelChart | None = None
        axes = coordinates(found)
        if not axes:
            return
        with panel("Parameters", name="parameters"):
            Tag("p", "A line for each job. Point at a line, or press a job in the table, to mark it.", classes="muted")
            self._chart = ParallelChart()
            names = ", ".join(each.name for each in axes)
            self._chart.props.update(
                {"role": "img", "aria-label": f"A line for each job over {names}, as in the table"}
            )
            self._chart.on("mark", lambda event: self._mark(str(event.args)))
            self._axes = axes
            with small_table("Parameters", ["Job", *(each.name for each in axes)], classes="compared"):
                for place, job in enumerate(found.jobs):
                    with Tag("tr") as row:
                        with Tag("td"):
                            press = Tag("button", classes="mark-button", type_="button")
                            with press:
                                Tag("span", classes=f"legend-line line-{place + 1}", aria_hidden="true")
                                Tag("span", f"{LETTERS[place]} {job.model_name}")
                            press.when("click", partial(self._mark, job.id))
                        for axis in axes:
                            Tag("td", axis.words[place], classes="mono")
                    self._rows[job.id] = (row, press)
        self.show(view)

    def show(self, view: ComparisonView) -> None:
        """Mark the job that the view names."""
        self._view = view
        if self._chart is None:
            return
        places = [axis.places() for axis in self._axes]
        lines = [
            {
                "key": job.id,
                "name": f"{LETTERS[number]} {job.model_name}",
                "look": number + 1,
                "values": [each[number] for each in places],
            }
            for number, job in enumerate(self._jobs)
        ]
        marked = view.mark if view.mark in self._rows else ""
        data = {"axes": [axis.drawn() for axis in self._axes], "lines": lines, "marked": marked}
        if self._chart.props.get("data") != data:
            self._chart.props["data"] = data
            self._chart.update()
        for job_id, (row, press) in self._rows.items():
            row.look("marked" if job_id == marked else "")
            press.set(aria_pressed="true" if job_id == marked else "false")

    async def _mark(self, job_id: str) -> None:
        await self._go(self._view.with_(mark="" if job_id == self._view.mark else job_id))


def _numbers(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
