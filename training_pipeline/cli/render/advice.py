"""Advice on a configuration and findings on a job, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.create_command import create_command
from training_pipeline.schemas.request_like import request_like

if TYPE_CHECKING:
    from training_pipeline.schemas.advice import Advice, Finding
    from training_pipeline.schemas.training_job import TrainingJob

_YELLOW = "yellow"


def advice(given: Sequence[Advice], *, whole: bool) -> list[RenderableType]:
    """The advice as a table, and warnings as lines; without `whole` only what is not followed."""
    values = [one for one in given if one.kind == "value" and (whole or not one.taken)]
    warnings = [Text(f"! {_because(one)}", style=_YELLOW) for one in given if one.kind == "warning"]
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("setting", "now", "advised"):
        shown.add_column(column, no_wrap=True)
    shown.add_column("why")
    for one in values:
        shown.add_row(
            one.field or one.rule.replace("_", " "),
            _figure(one.current),
            Text(_figure(one.value), style="" if one.taken else "bold"),
            Text(_because(one)),
        )
    return [*([shown] if values else []), *warnings]


def options(given: Sequence[Advice]) -> Text | None:
    """The options with which the advice is taken; None where the configuration follows it already."""
    changed = {one.field: one.value for one in given if one.field and one.value is not None and not one.taken}
    return _with(changed, "Take it with") if changed else None


def not_taken(given: Sequence[Advice]) -> str:
    """In a line, what was advised when a job was created and is set otherwise; empty where nothing is."""
    left = [one for one in given if one.field and not one.taken]
    return ", ".join(f"{one.field}={_figure(one.value)} (it has {_figure(one.current)})" for one in left)


def findings(found: Sequence[Finding], job: TrainingJob) -> RenderableType:
    """What a job's figures say, with the command that tries the changed configuration."""
    lines = []
    for one in found:
        lines.append(Text(one.message))
        if one.changes:
            changed = request_like(job, {**job.requested_config, **one.changes})
            lines.append(Text(f"Try: {create_command(changed)}", style="dim"))
    return Group(*lines)


def _because(one: Advice) -> str:
    return f"{one.reason} ({one.source}; confidence {one.confidence})"


def _with(changes: Mapping[str, int | float | str], said: str) -> Text:
    """A sentence that ends with changes to a configuration, as options of `jobs create`."""
    keys = " ".join(f"--config {key}={value}" for key, value in changes.items())
    return Text(f"{said} {keys}", style="dim")


def _figure(value: float | str | None) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
