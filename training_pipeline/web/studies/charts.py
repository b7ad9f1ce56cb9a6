"""A study's charts: the best so far over time, and all trials as parallel coordinates. A table has the same values."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import nicegui
from nicegui.element import Element

from training_pipeline.domain.study import FloatSearch, Search, TrialStatus, WordSearch
from training_pipeline.schemas.study import StudyPage, StudyTrial
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag, panel
from training_pipeline.web.static_files import STATIC
from training_pipeline.web.studies import words

_ECHARTS: Final = Path(nicegui.__file__).parent / "elements" / "echart" / "dist"
_LEGEND: Final = {
    "best": "best",
    TrialStatus.SUCCEEDED: "succeeded",
    TrialStatus.PRUNED: "stopped early",
    TrialStatus.RUNNING: "running",
}


class _Chart(Element, component=STATIC / "study_chart.js", esm={"nicegui-echart": str(_ECHARTS)}):
    """The drawing itself."""


class StudyCharts:
    """Both charts, each hidden while there is nothing to draw."""

    def __init__(self) -> None:
        with panel("How the search got on", name="search"):
            self._nothing = Tag("p", "Charts appear once a trial has been evaluated.", classes="muted")
            self._progress, self._progress_chart = _figure("Best so far over time")
            self._parallel, self._parallel_chart = _figure("Trials by their values")
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
        _draw(self._parallel_chart, {"kind": "parallel", "axes": axes_of(study), "lines": lines}, said)


def progress_of(study: StudyPage) -> dict[str, Any]:
    """What the browser draws of the search over time: every trial that succeeded, and the best so far. Pure."""
    trials = [
        [_seconds(study, trial), trial.value, trial.number]
        for trial in study.all_trials
        if trial.value is not None and trial.ended_at is not None
    ]
    best = [[leader.seconds, leader.value, leader.trial] for leader in study.leaders]
    return {"kind": "progress", "title": words.measure(study), "trials": trials, "best": best}


def axes_of(study: StudyPage) -> list[dict[str, Any]]:
    """The axes of the parallel coordinates: the keys that are searched, then the objective. Pure."""
    searched = study.request.space.searched.items()
    return [*(_axis(name, search) for name, search in searched), {"name": words.measure(study), "type": "value"}]


def lines_of(study: StudyPage) -> list[dict[str, Any]]:
    """The trials as lines: those of which something was measured. Pure."""
    keys = list(study.request.space.searched)
    found = []
    for trial in study.all_trials:
        at = measured(study, trial)
        if at is not None and trial.status in _LEGEND:
            look = "best" if trial.number == study.best_trial else str(trial.status)
            # A choice is a place of its own on its axis.
            values = [_place(study.request.space.searched[key], trial.params[key]) for key in keys]
            found.append({"number": trial.number, "look": look, "values": [*values, at]})
    return found


def measured(study: StudyPage, trial: StudyTrial) -> float | None:
    """What a trial came to; of one that did not succeed its lowest loss so far, where losses are searched. Pure."""
    if trial.value is not None:
        return trial.value
    return trial.lowest_loss if study.measure == "val_loss" else None


def _axis(name: str, search: Search) -> dict[str, Any]:
    title = formats.words(name)
    if search.choices is not None:
        return {"name": title, "type": "category", "choices": [words.value(each) for each in search.choices]}
    if isinstance(search, WordSearch):
        raise AssertionError("words are searched by choices")
    logarithmic = "log" if search.log else "value"
    whole = not isinstance(search, FloatSearch)
    return {"name": title, "type": logarithmic, "low": search.low, "high": search.high, "whole": whole}


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


def _figure(title: str) -> tuple[Tag, _Chart]:
    with Tag("figure", classes="chart studied") as whole:
        with Tag("figcaption", classes="chart-head"):
            Tag("span", title, classes="strong")
        chart = _Chart()
        chart.props.update({"role": "img", "aria-label": title})
    return whole, chart


def _draw(chart: _Chart, data: dict[str, Any], said: str) -> None:
    if chart.props.get("data") != data:
        chart.props.update({"data": data, "aria-label": said})
