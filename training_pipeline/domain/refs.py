"""References to what a job was trained on: the training sheet, the snapshot of verdicts and the stored dataset.

The assets of a job exchange them, and the job's row keeps them. Text is in none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.export_summary import ExportSummary
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.split_report import SplitReport
from training_pipeline.domain.training_sheet import TrainingSheet

#: The files of a dataset.
TRAIN: Final = "train.jsonl"
VALIDATION: Final = "validation.jsonl"
MANIFEST: Final = "manifest.parquet"
HEAD: Final = "dataset.json"
#: The file of a snapshot.
PAIRS: Final = "pairs.parquet"


class LabelsRef(BaseModel):
    """How many canonical labels a sheet's pairs come from, and a digest of their ids and constraints."""

    model_config = ConfigDict(frozen=True)

    count: int
    digest: str


class SheetRef(BaseModel):
    """A training sheet at one moment: its head and the digest of what is stored."""

    model_config = ConfigDict(frozen=True)

    sheet: TrainingSheet
    digest: str
    labels: LabelsRef


class SnapshotRef(BaseModel):
    """A stored snapshot. Its digest is that of the verdicts: equal verdicts, equal digest."""

    model_config = ConfigDict(frozen=True)

    digest: str
    path: Path
    sheet_id: str
    sheet_digest: str
    policy: GatePolicy
    summary: ExportSummary
    #: The key that its hashes are under; null for hashes without one.
    hash_key: str | None = None

    @property
    def policy_version(self) -> str:
        """The version of the gate policy that judged."""
        return self.policy.version

    @property
    def pairs_file(self) -> Path:
        """Parquet with `SNAPSHOT_SCHEMA`, in the order of the pair ids."""
        return self.path / PAIRS


class DatasetRef(BaseModel):
    """A stored dataset. `report`, `summary` and the digests of sheet and snapshot are those of one job that has it."""

    model_config = ConfigDict(frozen=True)

    digest: str
    path: Path
    sheet_id: str
    sheet_digest: str
    snapshot_digest: str
    policy: GatePolicy
    train_pairs: int
    validation_pairs: int
    train_sha256: str
    validation_sha256: str
    #: Digest of the manifest's rows (`RowsDigest`), not of its Parquet bytes.
    manifest_sha256: str
    #: Bytes of the two JSONL files together.
    bytes: int
    canonical_labels: int
    report: SplitReport
    summary: ExportSummary
    #: The key that the hashes in its manifest are under; null for hashes without one.
    hash_key: str | None = None

    @property
    def train_file(self) -> Path:
        """JSONL to train on."""
        return self.path / TRAIN

    @property
    def validation_file(self) -> Path:
        """JSONL to validate on."""
        return self.path / VALIDATION

    @property
    def manifest_file(self) -> Path:
        """Parquet with `MANIFEST_SCHEMA`, in the order of the pair ids."""
        return self.path / MANIFEST


class UnreadableRef(BaseModel):
    """A stored reference that is none: it stands for itself, so that it stops nothing but what needs it."""

    model_config = ConfigDict(frozen=True)

    stored: Any
    problem: str


R = TypeVar("R", SheetRef, SnapshotRef, DatasetRef)


def parsed(kind: type[R], stored: Any) -> R | UnreadableRef | None:
    """The reference in a stored JSON value, None for null. Never raises: see `UnreadableRef`."""
    if stored is None or isinstance(stored, (kind, UnreadableRef)):
        return stored
    try:
        return kind.model_validate(stored)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in problem["loc"]) or "the whole" for problem in error.errors()})
        return UnreadableRef(stored=stored, problem=f"{kind.__name__} is wrong in {', '.join(fields)}")


def required(ref: R | UnreadableRef | None, what: str) -> R:
    """The reference; raises `Unavailable` where there is none yet, or none that can be read."""
    if ref is None:
        raise Unavailable(f"The training job names no {what} yet.")
    if isinstance(ref, UnreadableRef):
        raise Unavailable(
            f"The {what} that the training job names cannot be read: {ref.problem}.",
            hint="Retry the training job: everything is prepared again.",
        )
    return ref
