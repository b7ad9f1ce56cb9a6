"""Scores of single pairs, as an evaluation stores them: a Parquet file with a row a pair, and no text."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.models.evaluation.metrics import METRICS, Metric

#: What a pair is known by; where a suite is made of several sheets, the sheet too.
PAIR_ID: Final = "pair_id"
SHEET: Final = "training_sheet_id"
#: The source sheet, from which several training sheets may be made.
SOURCE: Final = "sheet_id"
_NAMED: Final = 5
#: Tokens of the expert's answer, as the model writes it.
EXPECTED_TOKENS: Final = "expected_tokens"
#: What the figures are also given for, apart: each value that enough pairs have.
SLICES: Final = ("classification", "canonical_label_id", SHEET, SOURCE, "length")
#: Why a judge gave no verdict on an answer, and the word for one that it may not read.
NOT_JUDGED: Final = "not_judged"
_NOT_SENT: Final = "classification"


def read_scores(path: Path) -> pa.Table:
    """The scores in a Parquet file: `pair_id`, metrics as numbers (null where a metric does not apply to a pair),
    `EXPECTED_TOKENS`, and what there is of `SLICES` and `NOT_JUDGED` as text. Reads only; columns of other names are
    left out.

    Raises `InvalidRequest` with everything that is wrong with the file.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if name in _KNOWN]
            table = file.read(columns=names)
    except (OSError, pa.ArrowException) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a Parquet file"
        raise InvalidRequest(f"The scores in {path} cannot be read: {cause}.") from None
    problems = [*_wrong_ids(table), *_wrong_metrics(table)]
    if problems:
        raise InvalidRequest(f"The scores in {path} are invalid.", problems=problems)
    kind = {name: pa.float64() if name in NUMBERS else pa.string() for name in table.column_names}
    return pa.table({name: table[name].cast(kind[name]) for name in table.column_names})


#: The columns of numbers.
NUMBERS: Final = (*METRICS, EXPECTED_TOKENS)
#: What `EXPECTED_TOKENS` is: a number of tokens, and no metric.
_TOKENS: Final = Metric(EXPECTED_TOKENS, None, (0.0, math.inf))
_KNOWN: Final = {PAIR_ID, *SLICES, NOT_JUDGED, *NUMBERS}


def keys_of(scores: pa.Table) -> list[str]:
    """The columns that a pair is known by."""
    return [name for name in (SHEET, PAIR_ID) if name in scores.column_names]


def pairs_digest(scores: pa.Table) -> str:
    """SHA-256 over the pairs that these scores are of, whatever their order."""
    pairs = zip(*(scores[key].to_pylist() for key in keys_of(scores)), strict=True)
    return hashlib.sha256(json.dumps(sorted(pairs)).encode()).hexdigest()


def metrics_in(scores: pa.Table) -> dict[str, Metric]:
    """The metrics that these scores have, by name."""
    return {name: metric for name, metric in METRICS.items() if name in scores.column_names}


def values_of(scores: pa.Table, name: str) -> Any:
    """The scores of a metric as NumPy numbers, NaN where it does not apply."""
    return pc.fill_null(scores[name], float("nan")).to_numpy()


def unjudged(scores: pa.Table, name: str) -> pa.Array:
    """Which answers a judge was to read and gave no verdict on, in this metric of it."""
    missing = pc.is_null(scores[name])
    if NOT_JUDGED not in scores.column_names:
        return missing
    return pc.and_(missing, pc.not_equal(pc.fill_null(scores[NOT_JUDGED], ""), _NOT_SENT))


def _wrong_ids(table: pa.Table) -> list[FieldProblem]:
    texts = [name for name in (PAIR_ID, *SLICES, NOT_JUDGED) if name in table.column_names]
    wrong = [
        FieldProblem(f"/{name}", "wrong_type", f"is {kind}; expected text")
        for name in texts
        if not _is_text(kind := table[name].type)
    ]
    if PAIR_ID not in texts:
        wrong.append(FieldProblem(f"/{PAIR_ID}", "missing", "must be there: a row of scores belongs to a pair"))
    if wrong:
        return wrong
    keys = table.select(keys_of(table))
    if any(keys[name].null_count for name in keys.column_names):
        named = " and ".join(keys.column_names)
        return [FieldProblem(f"/{PAIR_ID}", "missing", f"{named} must be there in each row")]
    counts = keys.group_by(keys.column_names).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts["count_all"], 1))[PAIR_ID].cast(pa.string()).sort()
    if len(twice):
        named = ", ".join(twice.slice(0, _NAMED).to_pylist())
        return [
            FieldProblem(f"/{PAIR_ID}", "ambiguous", f"must be there once; {len(twice):,} are not, such as {named}")
        ]
    return []


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _wrong_metrics(table: pa.Table) -> list[FieldProblem]:
    found = metrics_in(table)
    if not found:
        return [FieldProblem("", "no_metric", f"there must be a column named as a metric: {', '.join(METRICS)}")]
    problems = []
    for name in (name for name in NUMBERS if name in table.column_names):
        metric, kind = METRICS.get(name, _TOKENS), table[name].type
        if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            problems.append(FieldProblem(f"/{name}", "wrong_type", f"is {kind}; expected numbers"))
            continue
        numbers = pc.cast(table[name], pa.float64()).drop_null()
        if not pc.all(pc.is_finite(numbers), min_count=0).as_py():
            problems.append(FieldProblem(f"/{name}", "not_finite", "must be finite numbers, or null"))
        elif metric.bounds and len(numbers) and not metric.is_capped:
            low, high = metric.bounds
            least, most = pc.min(numbers).as_py(), pc.max(numbers).as_py()
            if least < low or most > high:
                said = f"must be within {low:g} and {high:g}; found {least:g} to {most:g}"
                problems.append(FieldProblem(f"/{name}", "out_of_bounds", said))
            elif metric.is_proportion and not pc.all(pc.is_in(numbers, pa.array([0.0, 1.0]))).as_py():
                problems.append(FieldProblem(f"/{name}", "no_proportion", "must be 0 or 1, or null"))
    return problems
