"""Studies in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.jobs import more
from training_pipeline.cli.render.jobs import plan as plan_of_job
from training_pipeline.cli.render.progress import clock
from training_pipeline.schemas.study import (
    Studies,
    Study,
    StudyBaseModel,
    StudyDryRun,
    StudyPage,
    StudyReport,
    StudyTotal,
    StudyTrial,
)

_COLOURS: Final = {
    "succeeded": "green",
    "finished": "green",
    "running": "cyan",
    "pruned": "yellow",
    "failed": "red",
}


def studies_of(found: Studies) -> RenderableType:
    """A line for each study."""
    if not found.studies:
        return Text("There are no studies. Make one: `training-pipeline studies create`.")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("study", "status", "trials", "best", "training sheet", "created by"):
        table.add_column(column, justify="right" if column in {"trials", "best"} else "left", overflow="fold")
    for study in found.studies:
        table.add_row(
            study.name,
            coloured(study.status),
            f"{sum(study.trials.values())}/{study.most_trials}",
            "" if study.best_value is None else f"{study.best_value:.6g}",
            Text(study.training_sheet_id),
            Text(study.created_by),
        )
    return Group(table, *more(len(found.studies), found.total, found.next_cursor))


def study_of(study: StudyPage) -> RenderableType:
    """A study with its trials, the best one, what mattered, and its budget."""
    parts: list[RenderableType] = [Text.assemble((study.name, "bold"), "  ", coloured(study.status))]
    for said in (study.why, study.message):
        if said:
            parts.append(Text(said[0].upper() + said[1:], style="dim"))
    parts.append(Text(f"{study.model_name} on training sheet {study.training_sheet_id}: {counts(study)}"))
    if study.best_value is not None:
        best = f"Best: trial {study.best_trial} with {_measure(study)} of {study.best_value:.6g} "
        parts.append(Text.assemble((best, "green"), "(selected: the same pairs chose it)"))
    if study.report is not None:
        parts.append(report_of(study.report))
    parts.append(_budget(study))
    parts += [Text(note, style="yellow") for note in study.estimate.notes]
    if len(study.base_models) > 1:
        parts += [Text(_base_model(each)) for each in study.base_models]
    if study.importances:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in study.importances.items())
        parts.append(Text(f"What mattered: {shares}"))
    if study.all_trials:
        parts.append(_trials(study))
    return Group(*parts)


def plan_of(plan: StudyDryRun) -> RenderableType:
    """The plan of one trial, and what all of them take."""
    return Group(
        Text("One trial, in the middle of the space:", style="bold"), plan_of_job(plan), Text(total_of(plan.total))
    )


def report_of(report: StudyReport) -> Text:
    """How good the best trial is on pairs that did not choose it, in one line."""
    half = "the half that was held back of " if report.half else ""
    where = f"On {half}the suite {report.suite}, trial {report.trial}"
    if report.value is None:
        return Text(f"{where} has no {report.metric}: {report.message or report.status}", style="yellow")
    ends = "" if report.lower is None or report.upper is None else f"{report.lower:.3g} to {report.upper:.3g}, "
    return Text(f"{where}: {report.metric} {report.value:.4g} ({ends}{report.pairs} pairs)", style="green")


def trial_of(trial: StudyTrial, measure: str = "val_loss") -> str:
    """A trial in one line."""
    value = "" if trial.value is None else f"  {measure} {trial.value:.6g}"
    said = f"  {trial.message}" if trial.message else ""
    return f"trial {trial.number}  {trial.status}{value}{said}  {params_of(trial.params)}"


def params_of(params: Mapping[str, Any]) -> str:
    """A configuration in one line."""
    return ", ".join(f"{name}={_shown(value)}" for name, value in params.items())


def _base_model(found: StudyBaseModel) -> str:
    which = found.revision or found.digest
    time = found.estimate.time.middle
    parts = [
        f"Base model {found.asked or found.base_model}",
        f" at {which[:12]}" if which else "",
        f", {time:,.0f} s a trial by estimate" if time is not None else "",
    ]
    return "".join(parts)


def _measure(study: Study) -> str:
    return "a validation loss" if study.measure == "val_loss" else study.measure


def counts(study: Study) -> str:
    """How many trials there are, by status."""
    by = ", ".join(f"{count} {status}" for status, count in study.trials.items())
    return f"{sum(study.trials.values())} of {study.most_trials} trials" + (f" ({by})" if by else "")


def coloured(status: str) -> Text:
    """A status in its colour."""
    return Text(str(status), style=_COLOURS.get(str(status), ""))


def _budget(study: StudyPage) -> Text:
    asked, currency = study.request, study.estimate.currency or ""
    parts = [f"{asked.most_at_once} at once"]
    if asked.hours is not None:
        parts.append(f"{asked.hours:g} hours")
    if asked.cost is not None:
        parts.append(f"{study.estimated_cost:.2f} of {asked.cost:g} {currency} by estimate".strip())
    return Text(f"Budget: {asked.most_trials} trials, {', '.join(parts)}. {total_of(study.total)}")


def total_of(total: StudyTotal) -> str:
    """What all trials take and cost at most, in a sentence."""
    if total.trained_seconds is None or total.elapsed_seconds is None:
        return "How long all trials take cannot be estimated."
    said = f"All {total.trials} trials take {clock(total.trained_seconds)} of training at most by estimate"
    if total.elapsed_seconds != total.trained_seconds:
        said += f", {clock(total.elapsed_seconds)} with as many at once as there may be"
    return said + ("." if total.cost is None else f", and cost {total.cost:,.2f} {total.currency or ''}".rstrip() + ".")


def _trials(study: StudyPage) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    names = list(study.request.space.searched)
    for column in ("trial", "status", study.measure, *names, "job", "note"):
        table.add_column(column, justify="right" if column in {"trial", study.measure, *names} else "left")
    for trial in study.all_trials:
        table.add_row(
            Text(str(trial.number), style="bold green" if trial.number == study.best_trial else ""),
            coloured(trial.status),
            "" if trial.value is None else f"{trial.value:.6g}",
            *(_shown(trial.params.get(name)) for name in names),
            trial.job_id or "",
            Text(trial.message),
        )
    return table


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
