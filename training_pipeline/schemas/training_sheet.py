"""Response models of training sheets, their export summaries and dry runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from training_pipeline.domain import export_summary, training_sheet
from training_pipeline.schemas.advice import Advice, Estimate
from training_pipeline.schemas.base import Answer

if TYPE_CHECKING:  # what only computes it is heavy, and a command that asks a remote service needs none of it
    from training_pipeline.training_jobs.lifecycle.dry_run import DryRun as DryRunFound


class Reference(Answer):
    """A source of a training sheet."""

    id: str = Field(description="Its id.", examples=["incoming-documents"])
    name: str = Field(description="Its name; empty if the source has none.", examples=["Incoming documents"])
    version: str = Field(description="Its version; empty if the source has none.", examples=["7"])


class TrainingSheet(Answer):
    """The head of a training sheet: everything but its pairs."""

    id: str = Field(description="Id of the training sheet.", examples=["sheet-123"])
    name: str = Field(description="Its name.", examples=["Document triage"])
    status: training_sheet.SheetStatus = Field(description="Status of the training sheet.", examples=["approved"])
    trainable: bool = Field(description="Whether its status permits training.", examples=[True])
    source_sheet: Reference = Field(description="The source dataset.")
    prompt_template: Reference = Field(description="The prompt that generated the questions.")
    tags: tuple[str, ...] = Field(description="Tags of the source table.", examples=[["FINANCE"]])
    description: str = Field(description="Description of the sheet.", examples=["Which desk takes a document?"])
    owner: str = Field(description="Owner of the sheet.", examples=["document-operations"])
    created_at: datetime | None = Field(description="When it was created, if known.", examples=["2026-11-01T09:00:00Z"])
    metadata: dict[str, Any] = Field(description="Further metadata from the source.", examples=[{"language": "en"}])
    exclude_near_held_out: bool = Field(
        False,
        description=(
            "Whether pairs whose question nearly equals a held-out one are excluded; otherwise a warning counts them."
        ),
        examples=[False],
    )
    evaluate_on: str = Field(
        "",
        description="Evaluation suite for every model trained on it; empty for none.",
        examples=["triage-2026-11"],
    )
    evaluate_judge: str = Field(
        "",
        description="Judge of the answers in that evaluation, by its name in the settings; empty for none.",
        examples=["house-judge"],
    )

    @classmethod
    def fields_of(cls, sheet: training_sheet.TrainingSheet) -> dict[str, Any]:
        """The fields of a sheet of the domain."""
        return {**dict(sheet), "trainable": sheet.status in training_sheet.TRAINABLE_SHEETS}


class TrainingSheets(Answer):
    """All training sheets whose heads can be read."""

    training_sheets: list[TrainingSheet] = Field(description="The sheets, by id.")
    total: int = Field(description="Number of training sheets.", examples=[1])


class ReasonCount(Answer):
    """Number of pairs excluded for one reason."""

    reason: str = Field(
        description="Reason for the exclusion: the first that applies.", examples=["training_prohibited"]
    )
    usage_reason: str | None = Field(
        description="Reason that the data steward gave for the usage constraints.", examples=["contains PHI"]
    )
    count: int = Field(description="Number of pairs.", examples=[12])


class Warned(Answer):
    """A warning that excludes no pairs."""

    code: str = Field(description="Stable code.", examples=["validation_not_permitted"])
    count: int = Field(description="Number of pairs or groups it concerns.", examples=[8])
    message: str = Field(
        description="The warning in one sentence.", examples=["8 included pairs may not be used for validation."]
    )


class ExportSummary(Answer):
    """Counts of pairs; total = eligible + the sum of excluded, labeled = training_allowed + training_prohibited."""

    total: int = Field(description="Pairs in the sheet.", examples=[440])
    labeled: int = Field(description="Valid pairs that experts approved.", examples=[398])
    training_allowed: int = Field(description="Of these, pairs that may be trained on.", examples=[324])
    training_prohibited: int = Field(description="Of these, pairs that may not.", examples=[74])
    eligible: int = Field(description="Pairs eligible for training or validation.", examples=[310])
    excluded: dict[str, int] = Field(
        description="Excluded pairs by reason; each pair is counted under one reason, and every reason is listed.",
        examples=[{"invalid": 0, "unlabeled": 24, "rejected": 10}],
    )
    reasons: list[ReasonCount] = Field(description="The most frequent reasons, with the stewards' usage reasons.")
    classifications: dict[str, int] = Field(
        description="Eligible pairs by effective data classification.", examples=[{"internal": 310}]
    )
    approvers: dict[str, int] = Field(
        description='Eligible pairs by who approved them, the 100 most frequent; "" where that is not known.',
        examples=[{"grace": 310}],
    )
    other_approvers: int = Field(0, description="Eligible pairs that were approved by anybody else.", examples=[0])
    warnings: list[Warned] = Field(description="Warnings.")

    @classmethod
    def of(cls, summary: export_summary.ExportSummary) -> ExportSummary:
        """A summary of the domain."""
        return cls.model_validate({**summary.model_dump(mode="json")})


class TrainingSheetDetails(TrainingSheet):
    """A training sheet with its export summary."""

    digest: str = Field(description="Its version: SHA-256 (hex) of its content.", examples=["3b1f0d2c" * 8])
    export_summary: ExportSummary = Field(description="How many pairs may be trained on, and why others may not.")


class TrainingSheetPreview(Answer):
    """The first lines of the training data: only pairs that pass both gates."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    trainable: bool = Field(description="Whether the status of the sheet permits training.", examples=[True])
    lines: list[str] = Field(
        description="JSONL lines, one chat example each, by pair id; none if the sheet may not be trained on.",
        examples=[['{"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Tax desk"}]}']],
    )


class NearQuestions(Answer):
    """Pairs that are kept together because their questions are nearly equal."""

    similarity: float = Field(description="Minimum similarity; 0 if only equal questions are tied.", examples=[0.8])
    tied: int = Field(description="Pairs tied to others by a nearly equal question.", examples=[6])
    tightened_groups: int = Field(
        description="Groups so large that their questions had to be more similar.", examples=[0]
    )
    too_large_groups: int = Field(
        description="Groups that still have more than 5 % of the pairs, and more than 5 pairs.", examples=[0]
    )


class TextFindings(Answer):
    """Findings about the texts of the included pairs. They exclude no pair."""

    control_tokens: int | None = Field(
        description="Pairs whose text spells a control token of a known model family; null where it was not checked.",
        examples=[0],
    )
    control_token_ids: list[str] = Field(description="Ids of those; at most 100.", examples=[[]])
    near_held_out: int | None = Field(
        description="Pairs whose question nearly equals a held-out one; null where it was not checked.", examples=[1]
    )
    near_held_out_ids: list[str] = Field(description="Ids of those; at most 100.", examples=[["pair-17"]])


class KeptSides(Answer):
    """A split compared with that of its predecessor."""

    job_id: str = Field(description="Training job whose split is kept.", examples=["tj-20261101-072145-4b1e07"])
    dataset_digest: str = Field(description="Its dataset: SHA-256 (hex).", examples=["3b1f0d2c" * 8])
    kept: int = Field(description="Pairs that stay on their side.", examples=[300])
    new: int = Field(description="Pairs that the predecessor did not have.", examples=[10])
    gone: int = Field(description="Pairs of the predecessor that are not in this split.", examples=[2])
    moved: int = Field(description="Pairs that go from validation to training.", examples=[1])
    moved_pair_ids: list[str] = Field(description="Ids of those; at most 100.", examples=[["pair-17"]])
    drift: float = Field(description="Achieved less requested share of training pairs.", examples=[0.004])
    losses_comparable: bool = Field(
        description="Whether both validation splits have the same examples, so that losses can be compared.",
        examples=[False],
    )


class PlannedSplit(Answer):
    """A planned split: how many pairs are in each part."""

    train: int = Field(description="Pairs in the training split.", examples=[248])
    validation: int = Field(description="Pairs in the validation split.", examples=[62])
    requested_ratio: float = Field(description="Requested share of training pairs.", examples=[0.8])
    achieved_ratio: float = Field(description="Achieved share of training pairs.", examples=[0.8])
    components: int = Field(description="Groups of pairs that must stay in one split.", examples=[290])
    largest_component: int = Field(description="Pairs in the largest group.", examples=[3])
    kept_from_validation: int = Field(
        description="Pairs moved to training because they may not be used for validation.", examples=[8]
    )
    seed: str = Field(description="Seed of the split.", examples=["sheet-123"])
    near: NearQuestions | None = Field(None, description="Pairs tied by nearly equal questions.")
    texts: TextFindings | None = Field(None, description="Findings about the texts of the included pairs.")
    kept: KeptSides | None = Field(None, description="Comparison with the split of the predecessor; null without one.")


class DryRun(Answer):
    """The plan of a job. Nothing was stored."""

    dry_run: bool = Field(True, description="Always true.", examples=[True])
    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    training_sheet_name: str = Field(description="Its name.", examples=["Document triage"])
    training_sheet_digest: str = Field(description="Its version: SHA-256 (hex).", examples=["3b1f0d2c" * 8])
    export_summary: ExportSummary = Field(description="Export summary of the training sheet.")
    split: PlannedSplit = Field(description="The planned split.")
    base_model: str = Field(description="Base model to fine-tune.", examples=["builtin:tiny"])
    training_config: dict[str, Any] = Field(
        description='The resolved configuration, without "auto".', examples=[{"epochs": 3}]
    )
    planned_steps: int = Field(description="Optimizer steps, before any early stopping.", examples=[403])
    warnings: list[Warned] = Field(description="Warnings.")
    advice: list[Advice] = Field(description="Advice on the configuration, with reasons.")
    estimate: Estimate = Field(description="How long it will train and what it will cost.")

    @classmethod
    def of(cls, found: DryRunFound) -> DryRun:
        """A dry run of the service."""
        return cls(
            training_sheet_id=found.sheet.id,
            training_sheet_name=found.sheet.name,
            training_sheet_digest=found.sheet_digest,
            export_summary=ExportSummary.of(found.summary),
            split=PlannedSplit.model_validate(found.split),
            base_model=found.base_model,
            training_config=found.config.model_dump(),
            planned_steps=found.planned_steps,
            warnings=[Warned.model_validate(warning) for warning in found.warnings],
            advice=[Advice.model_validate(one) for one in found.advice.advice],
            estimate=Estimate.model_validate(found.estimate),
        )
