"""From the files of scores of a run to the figures on record. Reads the files; stores nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from training_pipeline.backends.evaluating import ScoresFile
from training_pipeline.domain.errors import Lost
from training_pipeline.infra.files import sha256
from training_pipeline.infra.reading import unreadable
from training_pipeline.models.evaluation.figures import figures
from training_pipeline.models.evaluation.intervals import Interval
from training_pipeline.models.evaluation.judges import METRIC
from training_pipeline.models.evaluation.paired import compare
from training_pipeline.models.evaluation.records import Evaluation, StoredFigure, StoredScores
from training_pipeline.models.evaluation.scores import metrics_in, pairs_digest, read_scores

#: The metric that depends on which other pairs were asked: their answers are on offer.
CHOICE: Final = "choice_accuracy"


def figures_of(files: Mapping[str, ScoresFile]) -> list[StoredFigure]:
    """The figures of each model, then what the tuned one is beside the others, pair by pair. Reads the files."""
    tables = {role: read_scores(file.path) for role, file in files.items()}
    found = [_figure(role, each.value, metric=each.metric, of=each.of) for role, each in _each(tables)]
    new = tables["tuned"]
    for role in (role for role in tables if role != "tuned"):
        better = [name for name, metric in metrics_in(new).items() if metric.better]
        for one in compare(new, tables[role], better):
            counted = {"wins": one.wins, "losses": one.losses, "ties": one.ties}
            found.append(_figure("tuned", one.difference, over=role, metric=one.metric, of=one.of, **counted))
    return found


def scores_of(stored: StoredScores) -> pa.Table:
    """The scores on record. Reads.

    Raises `Lost` where the file is gone or another one than was measured, and `Unavailable` where it cannot be read
    now.
    """
    hint = "Restore the file from a backup, or evaluate the version again."
    try:
        found = sha256(stored.path)
    except OSError as error:
        raise unreadable(f"The file of scores {stored.path}", error, stored.path.parent, hint=hint) from error
    if found != stored.sha256:
        raise Lost(f"The scores in {stored.path} are not those that were measured.", hint=hint)
    return read_scores(stored.path)


def comparable_scores(
    scores: pa.Table, of: Evaluation, theirs: pa.Table, other: Evaluation
) -> tuple[pa.Table, dict[str, str]]:
    """The scores of an evaluation as they may stand beside `theirs`, of another one; and why a metric of both may not.

    Those of a judge may not where the other one had another judge, or the same one was told something else, and choices
    not where they were made among other answers.
    """
    both = {*scores.column_names} & {*theirs.column_names}
    left_out = {}
    if METRIC in both and not (of.judge is not None and of.judge.is_like(other.judge)):
        left_out[METRIC] = f"{of.id} and {other.id} had not the same judge"
    if CHOICE in both and pairs_digest(scores) != pairs_digest(theirs):
        left_out[CHOICE] = f"{of.id} and {other.id} asked other pairs, so the answers on offer were others"
    return scores.drop_columns([*left_out]), left_out


def _each(tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, Any]]:
    for role, table in tables.items():
        for each in figures(table):
            yield role, each


def _figure(model: str, value: Interval, **fields: Any) -> StoredFigure:
    bounds = {name: bound if math.isfinite(bound) else None for name, bound in _bounds(value)}
    return StoredFigure(model=model, n=value.n, estimate=value.estimate, level=value.level, **bounds, **fields)


def _bounds(value: Interval) -> Iterator[tuple[str, float]]:
    yield "lower", value.lower
    yield "upper", value.upper
