"""The lineage record of a training job: what exactly the model was trained on, and who allowed it.

Pair ids, canonical label ids and reviewers stand in the dataset's manifest, which the record names by its digest.
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict


class AssetRecord(BaseModel):
    """Where in Dagster's event log one asset of a job was materialized, and what it then was."""

    model_config = ConfigDict(frozen=True)

    partition: str
    run_id: str
    storage_id: int
    data_version: str


class BaseModelRecord(BaseModel):
    """What exactly a base model was. Null is what it does not have, or what could not be found out.

    `revision` is the commit of a model from the Hugging Face Hub, `files` the SHA-256 of each file of one in a folder.
    """

    model_config = ConfigDict(frozen=True)

    reference: str
    revision: str | None = None
    files: dict[str, str] | None = None

    @property
    def digest(self) -> str | None:
        """SHA-256 (hex) over the names of the files and their digests; null where the files are not known."""
        if self.files is None:
            return None
        lines = (f"{name}\n{digest}\n" for name, digest in sorted(self.files.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class LineageRecord(BaseModel):
    """job → training sheet → source sheet and prompt template → dataset → model. Null until it is known."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    job_id: str
    training_sheet_id: str
    training_sheet_name: str
    training_sheet_digest: str
    sheet_id: str
    sheet_name: str
    sheet_version: str
    template_id: str
    template_name: str
    template_version: str
    gate_policy_version: str
    snapshot_digest: str
    dataset_digest: str
    dataset_path: str
    model_name: str
    model_version: str | None = None
    model_files: dict[str, str] | None = None
    base_model: BaseModelRecord | None = None
    assets: dict[str, AssetRecord] = {}


def version_of(identifier: str, version: str) -> str:
    """What Dagster calls the data version of a source sheet or a prompt template: `id@version`. Pure."""
    return f"{identifier}@{version}"
