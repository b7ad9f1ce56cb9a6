"""A study's charts: the best so far over time, and all trials as parallel coordinates. A table has the same values."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from nicegui.element import Element

from training_pipeline.domain.search import Search, WordSearch
from training_pipeline.schemas.study import StudyPage, StudyTrial
from training_pipeline.web import formats
from training_pipeline.web.charts.metric_chart import ECHARTS
from training_pipeline.web.charts.parallel_chart import ParallelChart
from training_pipeline.web.elements import Tag, panel
from training_pipeline.web.static_files import STATIC
from training_pipeline.web.studies import words

C = TypeVar("C", bound=Element)
_LEGEND: Final = {"best": "best", "succeeded": "succeeded", "pruned": "stopped early", "running": "running"}
#: The number of the colour of a trial's line, and what else it looks like. Those that come later lie above.
_LOOKS: Final[dict[str, tuple[int, dict[str, Any]]]] = {
    "pruned": (5, {"width": 1, "type": "dashed", "opacity": 0.6}),
    "running": (3, {"width": 1.5, "type": "dotted", "opacity": 1}),
    "succeeded": (1, {"width": 1.25, "type": "solid", "opacity": 0.65}),
    "best": (2, {"width": 3.5, "type": "solid", "opacity": 1}),
}


class _Progress(Element, component=STATIC / "best_chart.js", esm={"nicegui-echart": str(ECHARTS)}):
    """The drawing of the best so far over time."""


class StudyCharts:
    """Both charts, each hidden while there is nothing to draw."""

    def __init__(self) -> None:
        with panel("Progress of the search", name="search"):
            self._nothing = Tag("p", "Charts appear once a trial has been evaluated.", classes="muted")
            self._progress, self._progress_chart = _figure("Best so far over time", _Progress)
            self._parallel, self._parallel_chart = _figure("Trials by their values", ParallelChart)
            with self._parallel:
                with Tag("div", classes="legends"):
                    for key, word in _LEGEND.items():
                        with Tag("span", classes="legend-name"):
                            Tag("span", classes=f"legend-line of-{key}", aria_hidden="true")
                            Tag("span", word)
                Tag("p", "Each line is a trial. The table below has the same values.", classes="help")

    def show(self, study: StudyPage) -> None:
        """Draw the study as it now is."""
        lines = lines_of(study)
        self._nothing.set_visibility(not lines)
        self._progress.set_visibility(bool(study.leaders))
        self._parallel.set_visibility(bool(lines))
        _draw(self._progress_chart, progress_of(study), _progress_in_words(study))
        names = ", ".join(formats.words(key) for key in study.request.space.searched)
        said = f"{len(lines)} trials as parallel coordinates over {names} and {words.measure(study)}"
        _draw(self._parallel_chart, {"axes": axes_of(study), "lines": lines, "marked": ""}, said)


def progress_of(study: StudyPage) -> dict[str, Any]:
    """What the browser draws of the search over time: every trial that succeeded, and the best so far."""
    trials = [
        [_seconds(study, trial), trial.value, trial.number]
        for trial in study.all_trials
        if trial.value is not None and trial.ended_at is not None
    ]
    best = [[leader.seconds, leader.value, leader.trial] for leader in study.leaders]
    return {"title": words.measure(study), "trials": trials, "best": best}


def axes_of(study: StudyPage) -> list[dict[str, Any]]:
    """The axes of the parallel coordinates: the keys that are searched, then the objective."""
    searched = study.request.space.searched.items()
    return [
        *(_axis(name, search) for name, search in searched),
        {"name": words.measure(study), "type": "value", "scale": True},
    ]


def lines_of(study: StudyPage) -> list[dict[str, Any]]:
    """The trials as lines, the best one last: those of which something was measured."""
    searched = study.request.space.searched
    found = []
    for trial in study.all_trials:
        kind = "best" if trial.number == study.best_trial else str(trial.status)
        at = measured(study, trial)
        if at is None or kind not in _LOOKS:
            continue
        look, style = _LOOKS[kind]
        values = [*(_place(search, trial.params[key]) for key, search in searched.items()), at]
        name = f"Trial {trial.number}"
        line = {"key": str(trial.number), "name": name, "look": look, "style": style, "values": values}
        found.append((list(_LOOKS).index(kind), line))
    return [line for _, line in sorted(found, key=lambda each: each[0])]


def measured(study: StudyPage, trial: StudyTrial) -> float | None:
    """What a trial came to; of one that did not succeed its lowest loss so far, where losses are searched."""
    if trial.value is not None:
        return trial.value
    return trial.lowest_loss if study.measure == "val_loss" else None


def _axis(name: str, search: Search) -> dict[str, Any]:
    title = formats.words(name)
    if search.choices is not None:
        return {"name": title, "type": "category", "data": [words.value(each) for each in search.choices]}
    if isinstance(search, WordSearch):
        raise AssertionError("words are searched by choices")
    return {"name": title, "type": "log" if search.log else "value", "min": search.low, "max": search.high}


def _place(search: Search, value: Any) -> Any:
    return words.value(value) if search.choices is not None else value


def _seconds(study: StudyPage, trial: StudyTrial) -> float:
    return 0.0 if trial.ended_at is None else round((trial.ended_at - study.created_at).total_seconds(), 2)


def _progress_in_words(study: StudyPage) -> str:
    if not study.leaders:
        return "No trial has succeeded yet"
    first, last = study.leaders[0], study.leaders[-1]
    said = f"Best {words.measure(study)} so far over time: from {formats.loss(first.value)} of trial {first.trial}"
    return f"{said} to {formats.loss(last.value)} of trial {last.trial} after {formats.seconds(last.seconds)}"


def _figure(title: str, kind: type[C]) -> tuple[Tag, C]:
    with Tag("figure", classes="chart studied") as whole:
        with Tag("figcaption", classes="chart-head"):
            Tag("span", title, classes="strong")
        chart = kind()
        chart.props.update({"role": "img", "aria-label": title})
    return whole, chart


def _draw(chart: Element, data: dict[str, Any], said: str) -> None:
    if chart.props.get("data") != data:
        chart.props.update({"data": data, "aria-label": said})
