"""The answer to "which models learned from this?"."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from training_pipeline.models.uses.keys import RowKind

#: What can be asked for: single rows by a name or a hash of theirs, and all that was made from a sheet or a template.
Kind = RowKind | Literal["sheet", "template"]
#: So many rows are named at most; all are counted.
MOST_ROWS: Final = 100


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class JobUse(_Part):
    """A job that has the dataset. Nothing learned from one that was not submitted."""

    job_id: str
    status: str
    submitted: bool
    created_at: datetime
    model_name: str
    #: Null where no model version is registered.
    model_version: str | None


class ModelUse(_Part):
    """A registered model version that learned from it, by its own training or by that of a model it comes from."""

    model_name: str
    model_version: str
    job_id: str
    #: The jobs that trained on it and this model comes from, in order; empty where it was trained on it itself.
    through: tuple[str, ...] = ()


class DatasetUse(_Part):
    """What a dataset did with the rows: in which split they are, or for which reasons they were refused."""

    digest: str
    train: int = 0
    validation: int = 0
    refused: dict[str, int] = {}
    #: Whether its manifest is there.
    manifest: bool
    jobs: tuple[JobUse, ...] = ()

    @property
    def is_learned(self) -> bool:
        """Whether a row is in one of its splits: both leave a trace in a model."""
        return bool(self.train or self.validation)


class UsedRow(_Part):
    """A row as its manifest has it; a pair that was edited has several."""

    pair_id: str | None
    row_hash: str | None
    item_ref: str | None
    canonical_label_id: str | None


class SheetUses(_Part):
    """All uses within one training sheet. A `row_count` of 0 is an answer about the whole sheet."""

    training_sheet_id: str
    row_count: int = 0
    rows: tuple[UsedRow, ...] = ()
    datasets: tuple[DatasetUse, ...]


class Uses(_Part):
    """Every dataset, job and model version that used what was asked for; a part for each sheet that has it."""

    kind: Kind
    value: str
    sheets: tuple[SheetUses, ...]
    model_versions: tuple[ModelUse, ...]
    #: Manifests of the datasets above that are gone. What is said of them comes from the index alone.
    lost_manifests: tuple[str, ...] = ()
    #: Datasets that were stored before manifests had hashes of questions: only a search by question misses them.
    without_questions: int = 0
