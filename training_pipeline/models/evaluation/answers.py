"""Answers that a model gave elsewhere, scored: from lines of JSON to a file of scores. Of the texts nothing is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.validation import MOST_TOLD, told
from training_pipeline.infra.staging import disk_errors
from training_pipeline.models.evaluation.scores import EXPECTED_TOKENS, NUMBERS, SLICES
from training_pipeline.sft.evaluation import scorers

_Name = Annotated[str, Field(min_length=1)]


class Answer(BaseModel):
    """A line: the expert's answer and the model's, and what else is known of the two."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pair_id: _Name
    expected: str
    #: Null where the model gave none, as for a question that is too long for it.
    answer: str | None = None
    training_sheet_id: _Name | None = None
    #: The source sheet.
    sheet_id: _Name | None = None
    classification: _Name | None = None
    canonical_label_id: _Name | None = None
    answer_tokens: Annotated[int, Field(ge=0)] | None = None
    #: Whether the answer ended on its own.
    stopped: bool | None = None
    #: The log probability of each token of the expert's answer.
    logprobs: tuple[Annotated[FiniteFloat, Field(le=0)], ...] | None = None
    #: The losses of the answers on offer, the expert's first.
    choice_losses: Annotated[tuple[FiniteFloat, ...], Field(min_length=2)] | None = None


def score_file(file: Path) -> pa.Table:
    """The scores of the answers in a JSONL file, as `scores.read_scores` reads them. Reads only.

    A column of which every value would be null is left out. Raises `InvalidRequest` naming every line that is no
    answer, never with what it says.
    """
    try:
        with file.open(encoding="utf-8-sig") as lines:
            return scored(_answers(lines))
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{file} is not UTF-8.", hint="Save it as UTF-8.") from None


def scored(answers: Iterable[Answer]) -> pa.Table:
    """The scores of these answers, in their order."""
    rows: list[dict[str, Any]] = []
    logprobs: list[float] = []
    tokens: list[int] = []
    for each in answers:
        rows.append({**_facts(each), **scorers.score(each.expected, each.answer)})
        logprobs += each.logprobs or ()
        tokens.append(len(each.logprobs or ()))
    columns: dict[str, pa.Array] = {
        name: pa.array([row.get(name) for row in rows], pa.float64() if name in NUMBERS else pa.string())
        for name in _COLUMNS
    }
    columns["token_loss"] = pa.array(scorers.token_losses(np.array(logprobs), tokens), from_pandas=True)
    kept = {name: column for name, column in columns.items() if name == "pair_id" or column.null_count < len(rows)}
    return pa.table(kept)


_COLUMNS: Final = ("pair_id", *SLICES, *NUMBERS)


def write_scores(scores: pa.Table, file: Path) -> None:
    """Store the scores. Raises `InvalidRequest` where there is no such folder, `Unavailable` where the disk is full."""
    if not file.parent.is_dir():
        raise InvalidRequest(f"The folder {file.parent} does not exist.")
    with disk_errors(f"write {file}"):
        pq.write_table(scores, file, compression="zstd")


def _facts(each: Answer) -> dict[str, Any]:
    choice = None
    if each.choice_losses is not None:
        choice = float(scorers.choices(np.array([each.choice_losses]))[0])
    return {
        **each.model_dump(include={"pair_id", *SLICES}),
        "length": scorers.length(each.expected),
        "answer_tokens": each.answer_tokens,
        "stopped": None if each.stopped is None else float(each.stopped),
        "choice_accuracy": choice,
        "bits_per_byte": _bits(each),
        EXPECTED_TOKENS: len(each.logprobs) if each.logprobs else None,
    }


def _bits(each: Answer) -> float | None:
    if not each.logprobs:
        return None
    tokens = len(each.logprobs)
    return scorers.bits_per_byte(-sum(each.logprobs) / tokens, tokens, each.expected)


def _answers(lines: Iterable[str]) -> Iterator[Answer]:
    problems: list[FieldProblem] = []
    wrong = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Answer.model_validate_json(line)
        except ValidationError as error:
            found = error.errors(include_input=False)
            wrong += len(found)
            if len(problems) < MOST_TOLD:
                problems += [_problem(number, each) for each in found]
    if problems:
        raise InvalidRequest("Some lines are no answers.", problems=told(problems, wrong))


def _problem(number: int, error: Any) -> FieldProblem:
    """What is wrong with a line, without what it says: Pydantic's message for broken JSON quotes none of it either."""
    path = "/".join(["", f"line {number}", *map(str, error["loc"])])
    return FieldProblem(path, error["type"], error["msg"][0].lower() + error["msg"][1:])
