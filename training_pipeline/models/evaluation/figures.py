"""The figures of one model, over all pairs and by slice: the mean of each metric over the pairs that have it, and the
perplexity, with an interval.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from training_pipeline.models.evaluation.intervals import LEVEL, SEED, Interval, mean_interval, wilson
from training_pipeline.models.evaluation.metrics import Metric
from training_pipeline.models.evaluation.perplexity import PERPLEXITY, perplexity
from training_pipeline.models.evaluation.scores import SHEET, SLICES, SOURCE, metrics_in, values_of
from training_pipeline.models.evaluation.subsets import Slice

#: Fewer pairs say nothing of a slice.
LEAST: Final = 30


class Figure(BaseModel):
    """A metric over all pairs, or those of a slice, that have it."""

    model_config = ConfigDict(frozen=True)

    metric: str
    of: Slice | None = None
    value: Interval


def figures(scores: pa.Table, *, level: float = LEVEL, seed: int = SEED) -> list[Figure]:
    """All figures of these scores, then those of each slice with `LEAST` pairs and more."""
    found = []
    for of, rows in [(None, scores), *slices(scores)]:
        made: list[tuple[str, Interval | None]] = []
        for name, metric in metrics_in(rows).items():
            values = metric.counted(values_of(rows, name))
            values = values[~np.isnan(values)]
            made.append((name, _interval(metric, values, level, seed) if len(values) else None))
        made.append((PERPLEXITY, perplexity(rows, level=level, seed=seed)))
        found += [
            Figure(metric=name, of=of, value=value)
            for name, value in made
            if value is not None and (of is None or value.n >= LEAST)
        ]
    return found


def slices(scores: pa.Table) -> list[tuple[Slice, pa.Table]]:
    """The slices with `LEAST` pairs and more, in the order of columns and values; not one that is all of them, nor that
    of a source sheet from which one training sheet was made: both are the same pairs.
    """
    found = []
    for by in SLICES:
        if by not in scores.column_names:
            continue
        counts = pc.value_counts(scores[by]).to_pylist()
        values = [each["values"] for each in counts if LEAST <= each["counts"] < len(scores)]
        for value in sorted(value for value in values if value is not None):
            rows = scores.filter(pc.equal(scores[by], value))
            if by != SOURCE or SHEET not in rows.column_names or pc.count_distinct(rows[SHEET]).as_py() > 1:
                found.append((Slice(by=by, value=str(value)), rows))
    return found


def _interval(metric: Metric, values: Any, level: float, seed: int) -> Interval:
    if metric.is_proportion:
        return wilson(int(values.sum()), len(values), level=level)
    return mean_interval(values, bounds=metric.bounds, level=level, seed=seed)
