"""Evaluations of a model version, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.domain.figure_in_words import interval, model_of
from training_pipeline.models.evaluation.records import EvaluationStatus

if TYPE_CHECKING:
    from training_pipeline.schemas.evaluation import EvaluationFigure, ModelEvaluation

_STATES: Final = {
    EvaluationStatus.QUEUED: "yellow",
    EvaluationStatus.RUNNING: "cyan",
    EvaluationStatus.SUCCEEDED: "green",
    EvaluationStatus.FAILED: "red",
    EvaluationStatus.CANCELLED: "dim",
}


def evaluation_of(found: ModelEvaluation, *, slices: bool = True) -> RenderableType:
    """An evaluation: what became of the pairs, and its figures; those of slices, too, where they are wanted."""
    head = Text.assemble(f"{found.suite}  ", (found.status, _STATES[found.status]), (f"  {found.id}", "dim"))
    parts: list[RenderableType] = [head, Text(counted(found))]
    for reason, count in _reasons(found.counts.refused, found.counts.aged):
        parts.append(Text(f"  {reason}  {count:,}"))
    if not found.counts.is_ancestry_known:
        parts.append(Text("What its first base model was trained on is not recorded.", style="yellow"))
    if found.error or found.message:
        parts.append(Text(found.error or found.message, style="red" if found.error else "dim"))
    parts += [Text(line, style="yellow" if is_missing else "dim") for line, is_missing in judged(found)]
    shown = [each for each in found.figures if slices or each.of is None]
    return Group(*parts, _figures(shown, found.champion_version)) if shown else Group(*parts)


def counted(found: ModelEvaluation) -> str:
    """What became of the pairs of the suite, in a line."""
    counts = found.counts
    refused, aged = sum(counts.refused.values()), sum(counts.aged.values())
    return f"{counts.asked:,} pairs = {counts.evaluated:,} evaluated + {refused:,} refused + {aged:,} aged"


def judged(found: ModelEvaluation) -> list[tuple[str, bool]]:
    """What came of the judge, a line for each model, and whether it says that its metric is missing."""
    judge = found.judge
    if judge is None:
        return []
    lines = [(f"Judged by {judge.name}: {judge.model} at {judge.url}, pairs up to {judge.max_classification}.", False)]
    for each in judge.answers:
        mine = model_of(each.model, found.champion_version)
        reasons = "".join(f", {count:,} not judged: {reason}" for reason, count in each.not_judged.items())
        agrees = "" if each.agreement is None else f"; agrees with exact match in {each.agreement:.1%}"
        who = f" by {', '.join(each.answered_as)} (prompt {each.prompt_version})" if each.answered_as else ""
        empty = f", {each.unanswered:,} without an answer" if each.unanswered else ""
        counted = f"{each.judged:,} judged{who}{empty}, {each.not_sent:,} not sent{reasons}"
        lines.append((f"{mine}: {counted}{agrees}.", False))
        if each.missing is not None:
            lines.append((f"{mine}: {each.missing}", True))
    return lines


def compared(figure: EvaluationFigure, champion: str | None) -> str:
    """Whose figure it is, in words."""
    mine = model_of(figure.model, champion)
    return mine if figure.over is None else f"{mine}, better than {model_of(figure.over, champion)} by"


def _reasons(refused: Mapping[str, int], aged: Mapping[str, int]) -> list[tuple[str, int]]:
    return [
        *((f"refused: {reason}", count) for reason, count in refused.items()),
        *((f"aged: {reason}", count) for reason, count in aged.items()),
    ]


def _figures(found: Sequence[EvaluationFigure], champion: str | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("metric", "model", "of", "mean", f"{found[0].level * 100:.4g} % interval", "pairs", "won/lost/tied"):
        table.add_column(column, justify="right" if column in {"mean", "pairs"} else "left", overflow="fold")
    for each in found:
        of = "all" if each.of is None else f"{each.of.by}={each.of.value}"
        duel = "" if each.over is None else f"{each.wins:,}/{each.losses:,}/{each.ties:,}"
        table.add_row(
            each.metric,
            Text(compared(each, champion)),
            Text(of),
            f"{each.estimate:.4g}",
            interval(each.lower, each.upper),
            f"{each.n:,}",
            duel,
        )
    return table
