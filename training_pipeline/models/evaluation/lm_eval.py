"""What lm_eval measured, as scores of single questions: from the samples that it logs, and without their texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.validation import MOST_TOLD, told

#: Its metrics of single questions, and what each is here.
_METRICS: Final[Mapping[str, str]] = {"exact_match": "exact_match", "acc": "choice_accuracy"}
#: `samples_<task>_<time>.jsonl`.
_FILE: Final = re.compile(r"samples_(?P<task>.+)_\d{4}-\d\d-\d\dT[\d-]+\.\d+\.jsonl")
#: The filter of a task that has none.
_NONE: Final = "none"


class _Sample(BaseModel):
    """A question as lm_eval logs it. The hash is of all that the task has of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    doc_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    filter: str = _NONE
    exact_match: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None
    acc: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None


def sample_scores(files: Sequence[Path]) -> pa.Table:
    """The scores in these files, `samples_<task>_<time>.jsonl`, as `scores.read_scores` reads them. Reads only.

    A question is known by its hash and the task, so that two models are compared on the same ones, whatever their order
    was; one that a task has twice counts once. Raises `InvalidRequest` naming every line and file that is none, never
    with what it says.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    problems: list[FieldProblem] = []
    for file in files:
        named = _FILE.fullmatch(file.name)
        if named is None:
            said = "must be called samples_<task>_<time>.jsonl, as lm_eval --log_samples calls it"
            problems.append(FieldProblem(f"/{file.name}", "no_samples", said))
            continue
        for sample in _samples(file, problems):
            sheet = named["task"] if sample.filter == _NONE else f"{named['task']} {sample.filter}"
            scores = {ours: getattr(sample, theirs) for theirs, ours in _METRICS.items()}
            rows[sheet, sample.doc_hash] = {"pair_id": sample.doc_hash, "training_sheet_id": sheet, **scores}
    if not problems and not any(row[name] is not None for row in rows.values() for name in _METRICS.values()):
        problems.append(FieldProblem("", "no_metric", f"there must be one of {', '.join(_METRICS)} for a question"))
    if problems:
        raise InvalidRequest("These are no samples of lm_eval.", problems=told(problems[:MOST_TOLD], len(problems)))
    kept = [name for name in _METRICS.values() if any(row[name] is not None for row in rows.values())]
    schema = pa.schema(
        [("pair_id", pa.string()), ("training_sheet_id", pa.string())] + [(name, pa.float64()) for name in kept]
    )
    return pa.Table.from_pylist(list(rows.values()), schema)


def _samples(file: Path, problems: list[FieldProblem]) -> Iterator[_Sample]:
    try:
        lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # texts may hold other ends of lines
    except OSError as error:
        problems.append(FieldProblem(f"/{file.name}", "unreadable", f"cannot be read: {error.strerror}"))
        return
    except UnicodeDecodeError:
        problems.append(FieldProblem(f"/{file.name}", "unreadable", "is not UTF-8"))
        return
    for number, line in enumerate(lines, 1):
        try:
            yield _Sample.model_validate(json.loads(line))
        except (ValueError, RecursionError) as error:
            what = error.errors(include_input=False)[0]["msg"] if isinstance(error, ValidationError) else "is no JSON"
            problems.append(FieldProblem(f"/{file.name}/line {number}", "no_sample", what[0].lower() + what[1:]))
