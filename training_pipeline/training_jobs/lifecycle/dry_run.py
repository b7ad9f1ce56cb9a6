"""The dry run of a job: the gates, the real split and the resolved configuration. Nothing is stored."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.rehearsal import NOT_REHEARSED, Rehearsal, Rehearsing
from training_pipeline.backends.submission import Submission
from training_pipeline.datasets.answers import answer_counts
from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.predecessor import Predecessor
from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import included_rows, snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.text_report import text_warnings
from training_pipeline.datasets.token_lengths import estimated_lengths
from training_pipeline.domain.advice.facts import AnswerCounts, TokenLengths
from training_pipeline.domain.advice.item import AdviceRecord
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.export_summary import ExportSummary, SheetWarning
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.refs import SnapshotRef
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.near.ties import LARGEST_SHARE
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.rules.split import SplitPlan
from training_pipeline.domain.split_report import KeptSides, NearReport, SplitReport
from training_pipeline.domain.training_config import JobRequest, TrainingConfig
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet


class DryRun(BaseModel):
    """The plan of a job. `planned_steps` counts optimizer steps, before any early stopping."""

    model_config = ConfigDict(frozen=True)

    sheet: TrainingSheet
    sheet_digest: str
    summary: ExportSummary
    split: SplitReport
    base_model: str
    config: TrainingConfig
    planned_steps: int
    warnings: tuple[SheetWarning, ...]
    advice: AdviceRecord
    estimate: Estimate
    #: What the texts are cut into tokens by; null where nobody could say.
    tokenizer_sha256: str | None = None
    chat_template_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the launch of a job would do with its sheet; its files are in a directory that is gone afterwards."""

    opened: OpenSheet
    request: JobRequest
    taken: SnapshotRef
    split: SplitPlan
    directory: Path

    def texts(self, *, lengths: bool) -> tuple[AnswerCounts, TokenLengths | None]:
        """How the answers of the included pairs are spread and, where asked for, how long they are by their characters.

        Reads the texts once.
        """
        ids = included_rows(self.taken, ["pair_id"])["pair_id"]
        with texts(self.opened, self.taken.policy) as read, disk_errors("read the pairs"):
            return answer_counts(read, ids), estimated_lengths(read, ids) if lengths else None

    def rehearsal(self, backend: FineTuningBackend, plan: Plan) -> Rehearsal | None:
        """What the trainer would make of it; None where the backend cannot say. Writes the dataset, for that moment."""
        if not isinstance(backend, Rehearsing) or backend.tokenizer(plan.base_model) is None:
            return None
        dataset = write_dataset(self.opened, self.taken, self.split, root=self.directory / "datasets")
        return backend.rehearse(
            Submission(
                job_id="dry-run",
                attempt=1,
                model_name=self.request.model_name,
                base_model=plan.base_model,
                config=plan.config,
                train_file=dataset.train_file,
                validation_file=dataset.validation_file,
                manifest_file=dataset.manifest_file,
                dataset_digest=dataset.digest,
            )
        )


@contextmanager
def split_of(
    opened: OpenSheet,
    policy: GatePolicy,
    request: JobRequest,
    *,
    min_pairs: int,
    predecessor: Predecessor | None = None,
    withdrawn: Withdrawn,
    keys: HashKeys = NO_KEYS,
) -> Iterator[Rehearsed]:
    """Judge and split as the launch of a job would, in a directory that is gone afterwards.

    Raises `GateRefused` and `SplitRefused` as the launch would. The verdicts hold no text.
    """
    with tempfile.TemporaryDirectory(prefix="training-pipeline-") as directory:
        taken = snapshot(opened, policy, directory=Path(directory), withdrawn=withdrawn)
        seed = request.split_seed or opened.sheet.id
        plan = split_snapshot(
            opened,
            taken,
            ratio=request.train_val_split,
            seed=seed,
            min_pairs=min_pairs,
            predecessor=predecessor,
            keys=keys,
        )
        yield Rehearsed(opened, request, taken, plan, Path(directory))


def fresh_split_warning(dropped: str) -> str:
    """What a fresh split means where there is a job to follow."""
    return f"A fresh split: it may validate on pairs that training job {dropped} was trained on."


def dry_run(
    opened: OpenSheet,
    summary: ExportSummary,
    split: SplitReport,
    plan: Plan,
    *,
    advice: AdviceRecord,
    estimate: Estimate,
    rehearsal: Rehearsal | None = None,
    fresh: str | None = None,
) -> DryRun:
    """Put together what is known of a job that was not created.

    `rehearsal` is what the trainer would make of it, None where nobody could say; `fresh` names the job whose split it
    drops.
    """
    batch, epochs = plan.config.batch_size, plan.config.epochs
    if not isinstance(batch, int) or not isinstance(epochs, int):
        raise AssertionError("a plan has no auto left")
    refusals = () if rehearsal is None else rehearsal.warnings
    rehearsed = rehearsal is not None and not any(warning.code == NOT_REHEARSED for warning in refusals)
    steps = math.ceil(split.train / batch) * epochs
    return DryRun(
        sheet=opened.sheet,
        sheet_digest=opened.digest,
        summary=summary,
        split=split,
        base_model=plan.base_model,
        config=plan.config,
        planned_steps=steps,
        warnings=(
            *refusals,
            *summary.warnings,
            *_of_ratio(split),
            *_of_sides(split.kept, fresh),
            *_of_near(split.near),
            *text_warnings(split.texts, tokenizer_asked=rehearsed),
        ),
        advice=advice,
        estimate=estimate,
        tokenizer_sha256=None if rehearsal is None else rehearsal.tokenizer_sha256,
        chat_template_sha256=None if rehearsal is None else rehearsal.chat_template_sha256,
    )


def _of_ratio(split: SplitReport) -> Iterator[SheetWarning]:
    if abs(split.achieved_ratio - split.requested_ratio) > 0.01:
        yield SheetWarning(
            code="ratio_missed",
            count=split.components,
            message=f"The achieved split is {split.achieved_ratio:.1%} instead of {split.requested_ratio:.1%}: "
            f"{split.components:,} groups of related pairs must stay together.",
        )


def _of_sides(kept: KeptSides | None, fresh: str | None) -> Iterator[SheetWarning]:
    if fresh is not None:
        yield SheetWarning(code="fresh_split", count=0, message=fresh_split_warning(fresh))
    if kept is not None and kept.moved:
        yield SheetWarning(
            code="moved_to_training",
            count=kept.moved,
            message=f"{kept.moved:,} pairs that training job {kept.job_id} validated on go to the training split: they "
            "may not be used for validation any more, or are tied to pairs that are trained on.",
        )
    if kept is not None and not kept.losses_comparable:
        yield SheetWarning(
            code="losses_not_comparable",
            count=0,
            message=f"The validation split is not that of training job {kept.job_id}: their losses cannot be compared.",
        )


def _of_near(near: NearReport) -> Iterator[SheetWarning]:
    if near.tightened_groups:
        yield SheetWarning(
            code="near_questions_tightened",
            count=near.tightened_groups,
            message=f"{near.tightened_groups:,} groups of nearly equal questions would hold more than "
            f"{LARGEST_SHARE:.0%} of the pairs: there, questions must be more similar to stay together.",
        )
    if near.too_large_groups:
        yield SheetWarning(
            code="near_questions_large",
            count=near.too_large_groups,
            message=f"{near.too_large_groups:,} groups of nearly equal questions hold more than {LARGEST_SHARE:.0%} of "
            "the pairs each and stay together: one split may have much of a kind that the other has not.",
        )
