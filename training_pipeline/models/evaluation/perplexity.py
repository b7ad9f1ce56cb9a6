"""The perplexity of the expert's answers: every token counts the same, so it is no mean over pairs."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pyarrow as pa

from training_pipeline.models.evaluation.intervals import Interval, mean_interval
from training_pipeline.models.evaluation.metrics import METRICS
from training_pipeline.models.evaluation.scores import EXPECTED_TOKENS, values_of

PERPLEXITY: Final = "perplexity"
_LOSS: Final = METRICS["token_loss"]


def perplexity(scores: pa.Table, *, level: float, seed: int) -> Interval | None:
    """e to the mean loss of a token, over all tokens of the pairs that have both, with an interval over pairs; null
    where none has.

    The mean is a ratio of two sums. Its interval is that of the mean of what each pair takes it off (the delta method);
    the two made-up pairs are as long as the longest one.
    """
    if not {_LOSS.name, EXPECTED_TOKENS} <= {*scores.column_names} or _LOSS.bounds is None:
        return None
    losses, tokens = _LOSS.counted(values_of(scores, _LOSS.name)), values_of(scores, EXPECTED_TOKENS)
    known = ~np.isnan(losses) & (tokens > 0)
    if not known.any():
        return None
    losses, weights = losses[known], tokens[known] / tokens[known].mean()
    mean = float(np.average(losses, weights=weights))
    least, most = (mean + float(weights.max()) * (bound - mean) for bound in _LOSS.bounds)
    each: Any = (mean + weights * (losses - mean)).clip(least, most)
    found = mean_interval(each, bounds=(least, most), level=level, seed=seed)
    return found.model_copy(
        update={
            "estimate": math.exp(mean),
            "lower": math.exp(max(0.0, min(found.lower, mean))),
            "upper": math.exp(max(found.upper, mean)),
        }
    )
