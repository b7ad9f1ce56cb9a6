"""How many jobs can be compared, and whether their validation losses say which of them is better. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

#: So many jobs are compared at once.
FEWEST: Final = 2
MOST: Final = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """What a job's validation loss was measured with. None is what is not on record."""

    job_id: str
    #: Names the job's dataset; two jobs with the same one have validated on the same rows.
    dataset_digest: str | None
    tokenizer: str | None
    chat_template: str | None
    max_length: int | str | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of `total` different validation rows that any of the jobs has, `shared` are those of all of them."""

    shared: int
    total: int


class LossVerdict(BaseModel):
    """Whether validation losses may be compared, and why not. `comparable` is None where that cannot be said."""

    model_config = ConfigDict(frozen=True)

    comparable: bool | None
    shared_rows: int | None
    total_rows: int | None
    reasons: tuple[str, ...]


def verdict(jobs: Sequence[Measured], overlap: Overlap | None) -> LossVerdict:
    """Whether the losses of these jobs may be compared: the same rows, cut into the same tokens.

    `overlap` is None where a job's rows are not on record, or cannot be read.
    """
    no, unsure = [], []
    if overlap is None:
        missing = [job.job_id for job in jobs if job.dataset_digest is None]
        unsure.append(
            f"It is not on record which rows {_names(missing)} validated on."
            if missing
            else "The record of the validation rows cannot be read."
        )
    elif overlap.shared != overlap.total:
        no.append(
            f"They validated on different rows: {overlap.shared:,} of {overlap.total:,} are in the validation split of"
            " every job."
        )
    for kind, found in (
        ("tokenizer", {job.job_id: job.tokenizer for job in jobs}),
        ("chat template", {job.job_id: job.chat_template for job in jobs}),
    ):
        known = {value for value in found.values() if value is not None}
        unknown = [job_id for job_id, value in found.items() if value is None]
        if len(known) > 1:
            no.append(f"They have different {kind}s, so a token of one is none of the other.")
        elif unknown:
            unsure.append(f"The {kind} of {_names(unknown)} is not on record (it is once a job has succeeded).")
    lengths = sorted({job.max_length for job in jobs if isinstance(job.max_length, int)})
    if len(lengths) > 1:
        unsure.append(
            f"max_length differs ({', '.join(f'{each:,}' for each in lengths)}): of examples that are longer, they have"
            " seen different parts."
        )
    return LossVerdict(
        comparable=False if no else None if unsure else True,
        shared_rows=None if overlap is None else overlap.shared,
        total_rows=None if overlap is None else overlap.total,
        reasons=(*no, *unsure),
    )


def _names(job_ids: Sequence[str]) -> str:
    return " and ".join([", ".join(job_ids[:-1]), job_ids[-1]] if len(job_ids) > 1 else job_ids)
