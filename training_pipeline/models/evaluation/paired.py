"""Two models on the same pairs: wins, losses and ties, and the mean difference with an interval."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.models.evaluation.figures import LEAST, slices
from training_pipeline.models.evaluation.intervals import LEVEL, SEED, Interval, mean_interval
from training_pipeline.models.evaluation.metrics import METRICS, Metric, comparable
from training_pipeline.models.evaluation.scores import SLICES, keys_of, unjudged, values_of
from training_pipeline.models.evaluation.subsets import Slice


class Comparison(BaseModel):
    """What one model is beside another in one metric, over the pairs that both have scores of."""

    model_config = ConfigDict(frozen=True)

    metric: str
    of: Slice | None = None
    #: Pairs on which the new model is better, worse, or neither.
    wins: int
    losses: int
    ties: int
    #: Of `n` pairs, how much better the new one is in the mean: for a metric of which less is better, how much less.
    difference: Interval
    #: Pairs of which only the held model has a score: they are none of the above.
    unscored: int = 0

    @property
    def is_better(self) -> bool:
        """Whether the new model is surely the better one."""
        return self.difference.lower > 0

    @property
    def is_worse(self) -> bool:
        """Whether the new model is surely the worse one."""
        return self.difference.upper < 0


def compare(
    new: pa.Table, held: pa.Table, metrics: Iterable[str], *, level: float = LEVEL, seed: int = SEED
) -> list[Comparison]:
    """The metrics on the pairs that both have, over all of them and then by slice of the new scores.

    A metric that no pair has in both is left out. Each interval stands alone: of many slices some differ by chance, for
    which `promotion.gate` allows. Raises `InvalidRequest` for metrics that cannot be better, and where only one of the
    two names the sheets of its pairs.
    """
    wanted = [metric for metric in comparable(metrics, "metrics") if _in_both(metric.name, new, held)]
    both = _joined(new, held, [metric.name for metric in wanted])
    found = []
    for of, rows in [(None, both), *slices(both)]:
        found += [one for metric in wanted if (one := _compared(rows, metric, of, level, seed)) is not None]
    return found


def unscored(name: str, new: pa.Table, held: pa.Table | None) -> int:
    """On how many pairs the new model came to no score in a metric, though the pair has one: the held model has it, or
    every model that answers does. Verdicts that a judge did not give are not counted: `at_worst` is about them.

    Raises what `compare` raises.
    """
    metric = METRICS[name]
    if name not in new.column_names or metric.null == "judge":
        return 0
    missing = new.filter(pc.is_null(new[name]))
    count = pc.sum(pc.is_valid(missing["exact_match"])).as_py() if "exact_match" in missing.column_names else 0
    found = int(count or 0) if metric.null == "model" else 0
    if held is None or name not in held.column_names:
        return found
    return max(found, int(pc.sum(pc.is_valid(_joined(missing, held, [name])[f"held_{name}"])).as_py() or 0))


def at_worst(names: Iterable[str], new: pa.Table, held: pa.Table) -> tuple[pa.Table, pa.Table] | None:
    """The scores as they are at worst for the new model, where a judge gave no verdict that one of these metrics needs:
    wrong for its own answers, right for those of the model in use. None where it gave them all.

    Whether a judge comes to a verdict depends on the answer that it reads, so the rest is no fair sample.
    """
    judged = [name for name in names if METRICS[name].null == "judge"]
    worst = _filled(new, judged, 0.0), _filled(held, judged, 1.0)
    return None if worst == (new, held) else worst


def _filled(scores: pa.Table, names: Iterable[str], score: float) -> pa.Table:
    for name in names:
        if name in scores.column_names:
            values = pc.if_else(unjudged(scores, name), score, scores[name])
            scores = scores.set_column(scores.schema.get_field_index(name), name, values)
    return scores


def _in_both(name: str, new: pa.Table, held: pa.Table) -> bool:
    return name in new.column_names and name in held.column_names


def _joined(new: pa.Table, held: pa.Table, metrics: list[str]) -> pa.Table:
    """The pairs of both, in the order of their ids; the scores of the held one are named `held_…`."""
    keys = keys_of(new)
    if keys != keys_of(held):
        raise InvalidRequest(
            "Only one of the two files of scores has training_sheet_id, so its pairs cannot be found in the other.",
            hint="Give both the column, or none.",
        )
    kept = [*keys, *(name for name in SLICES if name in new.column_names and name not in keys), *metrics]
    theirs = held.select([*keys, *metrics]).rename_columns([*keys, *(f"held_{name}" for name in metrics)])
    return new.select(kept).join(theirs, keys, join_type="inner").sort_by([(key, "ascending") for key in keys])


def _compared(rows: pa.Table, metric: Metric, of: Slice | None, level: float, seed: int) -> Comparison | None:
    own, theirs = (metric.counted(values_of(rows, name)) for name in (metric.name, f"held_{metric.name}"))
    better = metric.sign * (own - theirs)
    better = better[~np.isnan(better)]
    if len(better) < (1 if of is None else LEAST):
        return None
    return Comparison(
        metric=metric.name,
        of=of,
        wins=int((better > 0).sum()),
        losses=int((better < 0).sum()),
        ties=int((better == 0).sum()),
        difference=mean_interval(better, bounds=metric.reach, level=level, seed=seed),
        unscored=int((np.isnan(own) & ~np.isnan(theirs)).sum()),
    )
