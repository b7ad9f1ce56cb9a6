"""Training jobs side by side, in a terminal. Each goes by a letter, so that eight of them fit beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.job import badge, figure
from training_pipeline.cli.render.progress import clock
from training_pipeline.cli.render.values import shortened
from training_pipeline.domain.figure_in_words import interval
from training_pipeline.domain.pair_change import PairChange

if TYPE_CHECKING:
    from training_pipeline.schemas.comparison import (
        BestAndLast,
        ComparedJob,
        DataDifference,
        Difference,
        LossVerdict,
        SuiteScores,
        TrainingJobComparison,
    )

_LETTERS: Final = "ABCDEFGH"


def job_comparison(found: TrainingJobComparison) -> RenderableType:
    """May the losses be compared, the jobs, what differs, their data beside the first's, and their evaluations."""
    letters = {job.id: letter for job, letter in zip(found.jobs, _LETTERS, strict=False)}
    parts = [
        _verdict(found.validation_losses),
        Text(),
        _jobs(found.jobs, letters),
        Text(),
        _differences(found.differences, letters),
        Text(),
        _data(found.data, letters),
    ]
    for suite in found.evaluations:
        parts += [Text(), _suite(suite, letters)]
    return Group(*parts)


def headline(found: LossVerdict) -> str:
    """Whether the losses may be compared, in a sentence."""
    if found.comparable is None:
        return "It is unknown whether the validation losses may be compared."
    if not found.comparable:
        return "The validation losses may not be compared."
    return f"The validation losses may be compared: all of them are of the same {found.total_rows or 0:,} rows."


def _verdict(found: LossVerdict) -> RenderableType:
    styles = {True: "bold green", False: "bold red", None: "bold yellow"}
    return Group(Text(headline(found), style=styles[found.comparable]), *(Text(f"  {each}") for each in found.reasons))


def _jobs(jobs: list[ComparedJob], letters: Mapping[str, str]) -> Table:
    table = _table("", "job", "status")
    for title in ("best val. loss", "last", "best val. acc.", "trained", "estimated", "cost"):
        table.add_column(title, justify="right")
    for job in jobs:
        table.add_row(
            letters[job.id],
            job.id,
            badge(job.status),
            _best(job.val_loss),
            figure(job.val_loss.last.value if job.val_loss else None),
            _best(job.val_accuracy),
            "-" if job.duration_seconds is None else clock(job.duration_seconds),
            _estimated(job),
            _cost(job),
        )
    return table


def _best(found: BestAndLast | None) -> str:
    return "-" if found is None else f"{figure(found.best.value)} @ {found.best.step:,}"


def _estimated(job: ComparedJob) -> str:
    time = None if job.estimate is None else job.estimate.time
    if time is None or time.middle is None or time.low is None or time.high is None:
        return "-"
    return f"{clock(time.low)} to {clock(time.high)}"


def _cost(job: ComparedJob) -> str:
    """What it cost; where that is not known, what was estimated."""
    if job.cost_dbu is not None:
        return f"{job.cost_dbu:,.2f} DBU"
    cost = None if job.estimate is None else job.estimate.cost
    if job.estimate is None or cost is None or cost.middle is None:
        return "-"
    return f"~ {cost.middle:,.2f} {job.estimate.currency or ''}".strip()


def _differences(found: list[Difference], letters: Mapping[str, str]) -> RenderableType:
    if not found:
        return Text("No configuration differs.", style="dim")
    table = _table("what differs")
    for letter in letters.values():
        table.add_column(letter, overflow="fold")
    for each in found:
        table.add_row(each.field, *(Text(shortened(value)) for value in each.values))
    return table


def _data(found: list[DataDifference], letters: Mapping[str, str]) -> RenderableType:
    table = _table("pairs, beside A")
    for change in PairChange:
        table.add_column(str(change), justify="right")
    problems: list[Text] = []
    for each in found:
        letter = letters[each.job_id]
        if each.counts is None:
            problems.append(Text(f"{letter}: {each.problem}", style="yellow"))
        else:
            counts = (getattr(each.counts, change) for change in PairChange)
            table.add_row(letter, *("not known" if count is None else f"{count:,}" for count in counts))
    return Group(*([table] if table.row_count else []), *problems)


def _suite(found: SuiteScores, letters: Mapping[str, str]) -> RenderableType:
    table = _table(f"suite {found.suite}", "", "version")
    for title in ("mean", "interval", "pairs", "won", "lost", "tied", "no score"):
        table.add_column(title, justify="right")
    for metric in dict.fromkeys(each.metric for job in found.jobs for each in job.figures):
        for job in found.jobs:
            mean = next((each for each in job.figures if each.metric == metric), None)
            duel = next((each for each in job.duels if each.metric == metric), None)
            counts = () if duel is None else (duel.wins, duel.losses, duel.ties, duel.unscored)
            beside = tuple(f"{count:,}" for count in counts) or ("",) * 4
            if mean is not None:
                figures = (f"{mean.estimate:.4g}", interval(mean.lower, mean.upper), f"{mean.n:,}")
                table.add_row(
                    metric, letters[job.job_id], Text(f"{job.model_name} {job.model_version}"), *figures, *beside
                )
    problems = [Text(f"{letters[job.job_id]}: {job.problem}", style="yellow") for job in found.jobs if job.problem]
    first = letters[found.jobs[0].job_id]
    foot = [Text(f"Won, lost and tied against {first}, pair by pair.", style="dim")] if len(found.jobs) > 1 else []
    return Group(table, *problems, *foot)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        table.add_column(title, no_wrap=True)
    return table
