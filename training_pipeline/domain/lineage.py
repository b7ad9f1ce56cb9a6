"""The lineage record of a training job: what exactly the model was trained on, and who allowed it.

Pair ids, canonical label ids and reviewers stand in the dataset's manifest, which the record names by its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

#: What is said of a record that is older than what is asked for.
NOT_RECORDED: Final = "not recorded"


class AssetRecord(BaseModel):
    """Where in Dagster's event log one asset of a job was materialized, and what it then was."""

    model_config = ConfigDict(frozen=True)

    partition: str
    run_id: str
    storage_id: int
    data_version: str


class ModelOrigin(BaseModel):
    """A model of ours: the job that trained it, from which base model, and the version that it was registered as."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    model_name: str
    #: Null for a model that was kept as an artifact.
    model_version: str | None = None
    base_model: str
    #: Whether it is on record what that base model was, in its turn.
    base_recorded: bool = True

    def __str__(self) -> str:
        version = f"version {self.model_version}" if self.model_version else "(artifact)"
        return f"{self.model_name} {version} of training job {self.job_id}"


class BaseModelRecord(BaseModel):
    """What exactly a base model was. Null is what it does not have, or what could not be found out.

    `revision` is the commit of a model from the Hugging Face Hub and `resolved_at` when its name was found to mean it,
    `files` the SHA-256 of each file: of one in a folder, else as the training program read them. `listing` is all that
    is known before of one in a volume that only the backend reads: SHA-256 over the names, sizes and times of its
    files. `ancestors` are the models of ours that it comes from, the nearest first: itself, what that was trained from,
    and so on. They are empty where it is none of ours.
    """

    model_config = ConfigDict(frozen=True)

    reference: str
    revision: str | None = None
    resolved_at: Literal["creation", "launch", "training"] | None = None
    files: dict[str, str] | None = None
    listing: str | None = None
    #: As its card names it.
    licence: str | None = None
    ancestors: tuple[ModelOrigin, ...] | None = None

    @property
    def digest(self) -> str | None:
        """SHA-256 (hex) over the names of the files and their digests; null where the files are not known."""
        if self.files is None:
            return None
        lines = (f"{name}\n{digest}\n" for name, digest in sorted(self.files.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def folder_digest(self) -> str | None:
        """What tells its folder from what it was before a training read it; null for one of the Hub."""
        return None if self.revision is not None else self.listing or self.digest


class TrainingRecipe(BaseModel):
    """What a training was made with besides its data and its base model, as the training program says: with it, it can
    be repeated. `libraries` are versions, of a resumed run all of them; `first_day` is what date templates wrote.
    """

    model_config = ConfigDict(frozen=True)

    chat_template_sha256: str
    chat_template_source: str
    tokenizer_sha256: str
    libraries: dict[str, str]
    device: str
    first_day: str
    configuration: dict[str, Any]

    @property
    def configuration_digest(self) -> str:
        """SHA-256 (hex) over the configuration."""
        return hashlib.sha256(json.dumps(self.configuration, sort_keys=True).encode()).hexdigest()


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
    recipe: TrainingRecipe | None = None
    assets: dict[str, AssetRecord] = {}


def version_of(identifier: str, version: str) -> str:
    """What Dagster calls the data version of a source sheet or a prompt template: `id@version`."""
    return f"{identifier}@{version}"


def base_model_facts(base_model: BaseModelRecord | None) -> dict[str, str]:
    """What exactly a base model was, of what is known, and where it came from, as tags and metadata name it."""
    known: dict[str, str | None] = {}
    if base_model is not None:
        known = {
            "revision": base_model.revision,
            "resolved_at": base_model.resolved_at,
            "digest": base_model.digest,
            "listing": base_model.listing,
            "licence": base_model.licence,
        }
    known["ancestors"] = ancestry(base_model)
    return {f"base_model_{name}": value for name, value in known.items() if value is not None}


def recipe_facts(recipe: TrainingRecipe | None) -> dict[str, str]:
    """What a training was made with, as tags and metadata name it."""
    if recipe is None:
        return dict.fromkeys(("chat_template", "tokenizer", "libraries", "configuration"), NOT_RECORDED)
    return {
        "chat_template": f"{recipe.chat_template_sha256} ({recipe.chat_template_source}, of {recipe.first_day})",
        "tokenizer": recipe.tokenizer_sha256,
        "libraries": f"{libraries_in_words(recipe.libraries)}, on {recipe.device}",
        "configuration": recipe.configuration_digest,
    }


def libraries_in_words(libraries: Mapping[str, str]) -> str:
    """The versions of the libraries, such as `python 3.11.9, torch 2.9.1`, in an order of our own."""
    ordered = sorted(libraries.items(), key=lambda item: (item[0] != "python", item[0]))
    return ", ".join(f"{name} {version}" for name, version in ordered)


def ancestry(base_model: BaseModelRecord | None) -> str:
    """Where a base model came from, in words: the models of ours up the chain, the nearest first."""
    if base_model is None or base_model.ancestors is None:
        return NOT_RECORDED
    if not base_model.ancestors:
        return "no model of ours"
    last = base_model.ancestors[-1]
    first = last.base_model if last.base_recorded else f"{last.base_model} ({NOT_RECORDED})"
    return ", trained from ".join([*(str(origin) for origin in base_model.ancestors), first])
