"""Response models of the lineage record: what exactly a model was trained on, and who allowed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from training_pipeline.schemas.base import Answer, NextCursor

if TYPE_CHECKING:  # heavy, and whoever asks a remote service needs none of it
    from training_pipeline.datasets.manifest_page import ManifestPage
    from training_pipeline.domain.lineage import LineageRecord
    from training_pipeline.domain.refs import DatasetRef

DIGEST = "3b1f0d2c" * 8


class LineagePair(Answer):
    """One Q&A pair of the manifest, without its text."""

    pair_id: str | None = Field(description="Id of the pair; null only for an invalid pair.", examples=["p-0001"])
    split: Literal["train", "validation"] | None = Field(
        description="Split of the pair; null if it was excluded.", examples=["train"]
    )
    reason: str | None = Field(description="Reason for the exclusion; null if it was included.", examples=["unlabeled"])
    item_ref: str | None = Field(description="Item of the source sheet.", examples=["item-0001"])
    canonical_label_id: str | None = Field(description="Canonical label it was approved from.", examples=["label-17"])
    classification: str | None = Field(description="Effective data classification.", examples=["internal"])
    reviewed_by: str | None = Field(description="Who approved it.", examples=["grace"])
    reviewed_at: str | None = Field(description="When, as stated by the source.", examples=["2026-11-02"])
    constraints_set_by: str | None = Field(description="Who set its usage constraints.", examples=["sam"])
    constraints_set_at: str | None = Field(description="When, as stated by the source.", examples=["2026-11-03"])
    row_hash: str | None = Field(
        description="SHA-256 (hex) of the example as trained on, under the key (HMAC) of the training sheet where it "
        "has one.",
        examples=[DIGEST],
    )


class AssetRecord(Answer):
    """The materialization of one of the job's assets in Dagster's event log."""

    asset_key: str = Field(description="Key of the asset.", examples=["train_split"])
    partition: str = Field(description="Its partition: the job's id.", examples=["tj-20261123-072145-9f3a2c"])
    run_id: str = Field(description="Dagster run.", examples=["0b7a3c52-6a8e-4f0e-9a56-6d8a1f1b2c3d"])
    storage_id: int = Field(description="Id of the event in Dagster's event log.", examples=[815])
    data_version: str = Field(description="Data version, derived from the content.", examples=[DIGEST])


class ModelOrigin(Answer):
    """A model of this installation that the base model is, or was trained from."""

    job_id: str = Field(description="The job that trained it.", examples=["tj-20261101-081500-1c2d3e"])
    model_name: str = Field(description="Its name.", examples=["triage-model"])
    model_version: str | None = Field(description="Its version; null if it was kept as an artifact.", examples=["1"])
    base_model: str = Field(description="Its own base model.", examples=["meta-llama/Llama-3.2-1B-Instruct"])
    base_recorded: bool = Field(description="Whether the origin of that base model is recorded.", examples=[True])


class BaseModelLineage(Answer):
    """Exact identity of the base model."""

    reference: str = Field(description="The base model, as in the job.", examples=["/models/llama"])
    revision: str | None = Field(description="Commit on the Hugging Face Hub.", examples=["5f0b02c7" * 5])
    digest: str | None = Field(description="SHA-256 (hex) over the files of a local model.", examples=[DIGEST])
    resolved_at: Literal["creation", "launch", "training"] | None = Field(
        None,
        description="When its name was resolved to that commit; null if that was not recorded.",
        examples=["creation"],
    )
    files: dict[str, str] | None = Field(
        description="SHA-256 (hex) of each file of a local model.", examples=[{"model.safetensors": DIGEST}]
    )
    listing: str | None = Field(
        None,
        description=(
            "For a model in a volume: SHA-256 (hex) over names, sizes and times of its files, not over their contents."
        ),
        examples=[DIGEST],
    )
    licence: str | None = Field(None, description="Licence, as its card names it; null if not known.", examples=["mit"])
    ancestors: list[ModelOrigin] | None = Field(
        description=(
            "Models of this installation that it was trained from, directly or indirectly, nearest first. "
            "Empty if none was registered here; null if that was not recorded."
        )
    )


class TrainingRecipe(Answer):
    """What the training used besides its data and its base model, so that it can be repeated."""

    chat_template_sha256: str = Field(description="SHA-256 (hex) of the chat template's text.", examples=[DIGEST])
    chat_template_source: str = Field(description="Where it came from.", examples=["its own chat template"])
    tokenizer_sha256: str = Field(
        description="SHA-256 (hex) over the tokenizer's vocabulary, rules and special tokens.", examples=[DIGEST]
    )
    libraries: dict[str, str] = Field(
        description="Versions of Python and of the libraries; for a resumed run, all that were used.",
        examples=[{"python": "3.11.9", "torch": "2.9.1"}],
    )
    device: str = Field(description="Machine that trained it.", examples=["cpu"])
    first_day: str = Field(
        description="Date used by chat templates that print the current date.", examples=["2026-11-23"]
    )
    configuration: dict[str, Any] = Field(
        description="The configuration of the training program: every value that was used.",
        examples=[{"epochs": 3, "learning_rate": 0.0002}],
    )
    configuration_digest: str = Field(description="SHA-256 (hex) over the configuration.", examples=[DIGEST])


class TrainingJobLineage(Answer):
    """Job → training sheet → source sheet → prompt template → pairs and canonical labels → model version."""

    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    training_sheet_name: str = Field(description="Its name.", examples=["Document triage"])
    training_sheet_digest: str = Field(description="Its version: SHA-256 (hex) of its content.", examples=[DIGEST])
    sheet_id: str = Field(description="The source sheet.", examples=["incoming-documents"])
    sheet_name: str = Field(description="Its name.", examples=["Incoming documents"])
    sheet_version: str = Field(description="Its version; empty if the source has none.", examples=["7"])
    template_id: str = Field(description="The prompt template.", examples=["triage"])
    template_name: str = Field(description="Its name.", examples=["Triage questions"])
    template_version: str = Field(description="Its version; empty if the source has none.", examples=["3"])
    gate_policy_version: str = Field(description="Version of the gate policy that was applied.", examples=["1"])
    snapshot_digest: str = Field(description="SHA-256 (hex) of the verdicts on all pairs.", examples=[DIGEST])
    dataset_digest: str = Field(description="SHA-256 (hex) of the dataset.", examples=[DIGEST])
    model_name: str = Field(description="The model.", examples=["triage-model"])
    model_version: str | None = Field(description="Its version; null until it is registered.", examples=["2"])
    model_files: dict[str, str] | None = Field(
        description="SHA-256 (hex) of each file of the model; null until it is registered.",
        examples=[{"model.safetensors": DIGEST}],
    )
    base_model: BaseModelLineage | None = Field(description="The base model; null where it was not recorded.")
    recipe: TrainingRecipe | None = Field(
        None,
        description=(
            "Software, hardware and configuration of the training; null until the model is registered, and if"
            " not recorded."
        ),
    )
    assets: list[AssetRecord] = Field(description="The Dagster materializations of the job's assets.")

    train_pairs: int = Field(description="Number of pairs in the training split.", examples=[248])
    validation_pairs: int = Field(description="Number of pairs in the validation split.", examples=[62])
    excluded_pairs: int = Field(description="Number of excluded pairs.", examples=[130])
    canonical_labels: int = Field(description="Number of canonical labels used by the included pairs.", examples=[40])
    pairs: list[LineagePair] = Field(description="This page of the requested pairs, by pair id.")
    qa_pair_ids: list[str] = Field(description="The ids of the pairs on this page.", examples=[["p-0001"]])
    canonical_label_ids: list[str] = Field(
        description="The distinct canonical labels of the pairs on this page.", examples=[["label-17"]]
    )
    next_cursor: NextCursor

    @classmethod
    def of(
        cls, record: LineageRecord, dataset: DatasetRef, page: ManifestPage, next_cursor: str | None
    ) -> TrainingJobLineage:
        """The record of a job whose dataset this is, with the pairs of `page`. Reads and writes nothing."""
        pairs = [LineagePair.model_validate(row) for row in page.rows.to_pylist()]
        base, recipe = record.base_model, record.recipe
        return cls(
            **record.model_dump(exclude={"assets", "dataset_path", "base_model", "recipe"}),
            base_model=base and BaseModelLineage(**base.model_dump(), digest=base.digest),
            recipe=recipe and TrainingRecipe(**recipe.model_dump(), configuration_digest=recipe.configuration_digest),
            assets=[AssetRecord(asset_key=key, **found.model_dump()) for key, found in sorted(record.assets.items())],
            train_pairs=dataset.train_pairs,
            validation_pairs=dataset.validation_pairs,
            excluded_pairs=sum(dataset.summary.excluded.values()),
            canonical_labels=dataset.canonical_labels,
            pairs=pairs,
            qa_pair_ids=[pair.pair_id for pair in pairs if pair.pair_id is not None],
            canonical_label_ids=sorted({pair.canonical_label_id for pair in pairs} - {None}),
            next_cursor=next_cursor,
        )
