"""Whether a training sheet is due for retraining: the rule its owner sets, and the decision with its numbers.

A sheet opts in with a block `retraining` in the metadata of its head. What changed is counted against the pairs that
its model was trained on, by pair and not by file: a file that was only sorted has not changed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.training_config import JobRequest
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS, TrainingSheet
from training_pipeline.domain.validation import problems_from_validation

BLOCK: Final = "retraining"


class Retraining(JobRequest):
    """The block: what to train, and when. Its fields are those of a job request, without the training sheet."""

    training_sheet_id: str = Field("", exclude=True, max_length=0, description="The sheet with this block.")
    min_changed_pairs: int = Field(
        1,
        ge=1,
        description="Minimum number of pairs added, removed, edited or newly prohibited.",
        examples=[50],
    )
    min_days: float = Field(
        7.0,
        ge=0,
        description="Minimum days between two training jobs for this model, whatever their status. They do not delay a "
        "retraining where pairs that the model was trained on lost their permission.",
        examples=[7],
    )
    when_tainted: Literal["propose", "launch"] = Field(
        "propose",
        description=(
            "What happens when a model is tainted: its retrain is proposed and waits for a person, or is launched."
        ),
        examples=["launch"],
    )

    def request(self, sheet: TrainingSheet) -> JobRequest:
        """The request for the job when the sheet is due."""
        own = {"min_changed_pairs", "min_days", "when_tainted", "training_sheet_id"}
        # Only what was stated: a job remembers which values were asked for and which were left to it.
        stated = self.model_dump(exclude_unset=True, exclude=own)
        return JobRequest.model_validate({**stated, "training_sheet_id": sheet.id})


def retraining_of(sheet: TrainingSheet) -> Retraining | None:
    """The sheet's rule, None where it has not opted in; raises `InvalidRequest` naming every wrong field."""
    block = sheet.metadata.get(BLOCK)
    if block is None:
        return None
    try:
        return Retraining.model_validate(block)
    except ValidationError as error:
        raise InvalidRequest(
            f"The block `{BLOCK}` in the metadata of training sheet {sheet.id} is invalid.",
            problems=problems_from_validation(list(error.errors())),
            hint=f"Known keys: {', '.join(name for name in Retraining.model_fields if name != 'training_sheet_id')}.",
        ) from None


class Changes(BaseModel):
    """What changed in a training sheet since a model was trained on it. Counts are pairs; each counts once."""

    model_config = ConfigDict(frozen=True)

    #: May be trained on now and were not then.
    added: int = 0
    #: Were trained on and are gone, or are no longer approved.
    removed: int = 0
    #: Were trained on and may no longer be: the usage gate is shut for them now.
    newly_prohibited: int = 0
    #: Were trained on with another text.
    edited: int = 0
    #: May be trained on now, in all.
    eligible: int = 0
    #: Some of those that are newly prohibited.
    prohibited_ids: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All pairs that changed."""
        return self.added + self.removed + self.newly_prohibited + self.edited

    def __str__(self) -> str:
        said = f"{self.added:,} added, {self.removed:,} removed, {self.newly_prohibited:,} newly prohibited"
        return said + (f", {self.edited:,} edited" if self.edited else "")


class LastJob(BaseModel):
    """What a decision needs to know of an earlier job."""

    model_config = ConfigDict(frozen=True)

    id: str
    status: JobStatus
    created_at: datetime


class Decision(BaseModel):
    """Whether the sheet is due, and why, in one sentence with its numbers."""

    model_config = ConfigDict(frozen=True)

    due: bool
    why: str


def decide(
    sheet: TrainingSheet,
    rule: Retraining | None,
    *,
    active: LastJob | None,
    latest: LastJob | None,
    changes: Changes | None,
    min_pairs: int,
    now: datetime,
) -> Decision:
    """Due or not, and why.

    `active` is a job for the same model that is not over, `latest` the one created last; `changes` are counted since
    the last one that succeeded, null where none has.
    """
    if rule is None:
        return Decision(due=False, why=f"not opted in: its metadata has no block `{BLOCK}`")
    if sheet.status not in TRAINABLE_SHEETS:
        return Decision(due=False, why=f"a sheet with status `{sheet.status}` cannot be trained on")
    if active is not None:
        return Decision(due=False, why=f"training job {active.id} is {active.status}")
    if changes is not None and changes.eligible < min_pairs:
        few = f"only {changes.eligible:,} pairs may be trained on, at least {min_pairs:,} are needed ({changes})"
        return Decision(due=False, why=few)
    since = f"{changes} since training job" if changes is not None else "no training job has succeeded yet"
    if latest is not None:
        days = (now - latest.created_at).total_seconds() / 86_400
        # A withdrawn permission does not wait for the rhythm of the sheet; a job that failed is not repeated at once.
        withdrawn = changes is not None and changes.newly_prohibited > 0 and latest.status is JobStatus.SUCCEEDED
        if days < rule.min_days and not withdrawn:
            return Decision(
                due=False,
                why=f"its last training job is {days:.1f} days old, and the rule requires {rule.min_days:g} days"
                + (f" ({changes})" if changes is not None else ""),
            )
    if changes is None:
        return Decision(due=True, why=since)
    if changes.total < rule.min_changed_pairs:
        return Decision(due=False, why=f"{changes}: {changes.total:,} changed, {rule.min_changed_pairs:,} required")
    return Decision(due=True, why=f"{changes}: {changes.total:,} changed, {rule.min_changed_pairs:,} required")


def lost_permission(changes: Changes | None, model: str) -> str | None:
    """The warning about pairs that a model was trained on and that may no longer be trained on, else None."""
    if changes is None or not changes.newly_prohibited:
        return None
    more = changes.newly_prohibited - len(changes.prohibited_ids)
    named = ", ".join(changes.prohibited_ids) + (f" and {more:,} more" if more else "")
    many = changes.newly_prohibited
    return (
        f"{model} was trained on {many:,} {'pair' if many == 1 else 'pairs'} that may no longer be trained on "
        f"({named}). What it learned from them stays in its weights: decide whether it may still be used."
    )
