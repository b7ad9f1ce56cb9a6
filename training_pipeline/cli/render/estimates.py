"""How good estimates have been, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.estimate import money
from training_pipeline.cli.render.progress import clock

if TYPE_CHECKING:
    from training_pipeline.schemas.estimates import EstimateQuality, EstimatesSoFar

_SHOWN: Final = 20
_COSTS: Final = ("estimated cost", "actual cost")


def estimates_of(found: EstimatesSoFar) -> RenderableType:
    """The sum, each kind of job, and the newest jobs."""
    without = f" {found.without} more had no estimate." if found.without else ""
    if not found.jobs:
        return Text(f"No succeeded job has had an estimate of its time yet.{without}")
    parts: list[RenderableType] = [Text(f"{in_words(found.overall, found.coverage)}{without}", style="bold")]
    if len(found.kinds) > 1:
        parts += [Text(f"{kind.base_model}, {kind.method}, {kind.machine}: {_words(kind)}") for kind in found.kinds]
    table = Table(box=None, pad_edge=False, header_style="dim")
    costs = any(job.estimated_cost is not None or job.actual_cost is not None for job in found.jobs)
    for column in ("job", "model", "estimated", "80 % interval", "actual", "off by", *_COSTS * costs, ""):
        table.add_column(column, justify="left" if column in {"job", "model", ""} else "right")
    for job in found.jobs[:_SHOWN]:
        interval = f"{clock(job.low_seconds)} to {clock(job.high_seconds)}"
        outside = Text("" if job.within else "outside", style="yellow")
        took = (clock(job.estimated_seconds), interval, clock(job.actual_seconds), f"{job.error:+.0%}")
        cost = (_money(job.estimated_cost), f"{_money(job.actual_cost)} {job.currency or ''}".strip()) if costs else ()
        table.add_row(job.job_id, job.model_name, *took, *cost, outside)
    return Group(*parts, Text(), table)


def _money(amount: float | None) -> str:
    return "-" if amount is None else money(amount)


def in_words(one: EstimateQuality, coverage: float) -> str:
    """What the estimates came to, in a sentence, or that there are too few."""
    return f"{_words(one)}. Meant: {coverage:.0%} within the interval."


def _words(one: EstimateQuality) -> str:
    jobs = "1 job" if one.jobs == 1 else f"{one.jobs} jobs"
    if one.share is None or one.share_low is None or one.share_high is None or one.median_error is None:
        return f"{one.within} of {jobs} within the interval: too few to tell"
    ends = f"{one.share_low:.0%} to {one.share_high:.0%}"
    return f"{one.share:.0%} of {jobs} within the interval ({ends}), median error {one.median_error:.0%}"
