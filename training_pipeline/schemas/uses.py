"""Response models of the question which models learned from a pair, an item, a label, a text, a sheet or a template."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from training_pipeline.domain.uses import Kind
from training_pipeline.schemas.base import Answer
from training_pipeline.schemas.lineage import DIGEST

JOB = "tj-20261123-072145-9f3a2c"


class JobUse(Answer):
    """A training job that has the dataset."""

    job_id: str = Field(description="The job.", examples=[JOB])
    status: str = Field(description="Its status.", examples=["succeeded"])
    submitted: bool = Field(
        description="Whether it was submitted; if not, no model learned from the rows.", examples=[True]
    )
    created_at: datetime = Field(description="When it was created.", examples=["2026-11-23T07:21:45Z"])
    model_name: str = Field(description="Its model.", examples=["triage-model"])
    model_version: str | None = Field(description="The version; null where none is registered.", examples=["2"])


class InUse(Answer):
    """Where a model version is in use now, as was last seen."""

    aliases: list[str] = Field(description="The aliases that name it.", examples=[["champion"]])
    endpoints: list[str] = Field(
        description="The endpoints that serve it, by their addresses.",
        examples=[["https://dbc-a1b2.cloud.databricks.com/ml/endpoints/triage"]],
    )


class ModelUse(Answer):
    """A model that learned from it."""

    model_name: str = Field(description="The model.", examples=["triage-model"])
    model_version: str | None = Field(description="Its version; null where it is kept as an artifact.", examples=["2"])
    job_id: str = Field(description="The job that trained it.", examples=[JOB])
    through: list[str] = Field(
        description="The jobs it comes from, from the one that trained on it to its base model; empty where it was "
        "trained on it itself.",
        examples=[["tj-20261101-081500-1c2d3e"]],
    )
    in_use: InUse = Field(description="Where it is in use.")


class Copies(Answer):
    """Other rows with the same example: a model that learned from them learned from the requested rows."""

    train: int = Field(description="Such rows in the training split.", examples=[1])
    validation: int = Field(description="Such rows in the validation split.", examples=[0])
    pair_ids: list[str] = Field(description="Pair ids of some of these rows.", examples=[["p-0000"]])


class DatasetUse(Answer):
    """How a dataset used the rows."""

    digest: str = Field(description="SHA-256 (hex) of the dataset.", examples=[DIGEST])
    train: int = Field(description="Rows in the training split.", examples=[1])
    validation: int = Field(description="Rows in the validation split.", examples=[0])
    refused: dict[str, int] = Field(
        description="Rows that were seen and excluded, by reason.", examples=[{"training_prohibited": 1}]
    )
    copies: Copies = Field(description="Rows with the same text under other ids, such as the copy that was kept.")
    manifest: bool = Field(description="Whether its manifest exists.", examples=[True])
    jobs: list[JobUse] = Field(description="The jobs that have it, the oldest first.")


class UsedRow(Answer):
    """A row as its manifest has it."""

    pair_id: str | None = Field(description="Id of the pair; null only for an invalid pair.", examples=["p-0001"])
    row_hash: str | None = Field(
        description="SHA-256 (hex) of the example, under the sheet's key where it has one; null for most refused.",
        examples=[DIGEST],
    )
    item_ref: str | None = Field(description="Item of the source sheet.", examples=["item-0001"])
    canonical_label_id: str | None = Field(description="Canonical label it was approved from.", examples=["label-17"])


class SheetUses(Answer):
    """All uses within one training sheet."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    row_count: int = Field(
        description=(
            "Number of distinct rows that match; a pair that was edited has several. 0 if the whole sheet was"
            " requested."
        ),
        examples=[1],
    )
    rows: list[UsedRow] = Field(description="Matching rows, at most 10.")
    datasets: list[DatasetUse] = Field(description="Datasets that contain or excluded them, oldest first.")


class NotSearched(Answer):
    """A training sheet of which some datasets could not be searched for a hash."""

    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    hash_key: str = Field(description="The key that the hashes of its datasets are under.", examples=["hk-" + "0a" * 8])
    why: str = Field(
        description="Why it could not be searched.", examples=["its key was destroyed for rv-20261123-072145-9f3a2c"]
    )


class Uses(Answer):
    """Every dataset, job and model version that used what was searched for."""

    kind: Kind = Field(description="Kind of the search.", examples=["pair"])
    value: str = Field(description="Its name or hash.", examples=["p-0001"])
    sheets: list[SheetUses] = Field(description="Findings by training sheet.")
    model_versions: list[ModelUse] = Field(
        description=(
            "Models that learned from it, directly or through a base model, registered or kept as an artifact."
        )
    )
    lost_manifests: list[str] = Field(
        description="Datasets whose manifest is missing; only the index records what they contained.",
        examples=[[]],
    )
    without_questions: int = Field(
        description="Datasets whose manifests have no hashes of questions: a search by question does not find them.",
        examples=[0],
    )
    not_searched: list[NotSearched] = Field(
        description="Training sheets that could not be searched for a hash, because their key was destroyed or cannot "
        "be read: whether they have it is not known."
    )
