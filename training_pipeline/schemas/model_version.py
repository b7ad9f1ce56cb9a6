"""Response models of registered model versions: what they are, where they are used, whether they are still clean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from training_pipeline.domain.model_version import Cleanness, Outcome, VersionState, verdict
from training_pipeline.schemas.advice import Estimate
from training_pipeline.schemas.base import Answer, NextCursor, Page, PageSize
from training_pipeline.schemas.evaluation import ModelEvaluation
from training_pipeline.schemas.lineage import DIGEST

if TYPE_CHECKING:
    from training_pipeline.domain import retrain_proposal as domain
    from training_pipeline.domain.estimate import estimate as estimates
    from training_pipeline.domain.model_version import Check as FoundCheck
    from training_pipeline.models.evaluation import records
    from training_pipeline.models.versions.find import Registered
    from training_pipeline.models.versions.versions import Whole
    from training_pipeline.urls import Urls

JOB = "tj-20261123-072145-9f3a2c"
_UNAVAILABLE = Field(
    description="Why the aliases may be out of date: those last seen are shown. Null if the registry answered.",
    examples=[None],
)


class ModelVersion(Answer):
    """A version that a training job registered."""

    name: str = Field(description="The model, by its full name.", examples=["triage-model"])
    version: str = Field(description="The version.", examples=["2"])
    state: VersionState = Field(description="State of the version.", examples=["registered"])
    reasons: list[str] = Field(description="Why it is tainted or withdrawn; otherwise empty.", examples=[[]])
    job_id: str = Field(description="The job that trained and registered it.", examples=[JOB])
    created_at: datetime = Field(description="When that job was created.", examples=["2026-11-23T07:21:45Z"])
    registered_at: datetime | None = Field(
        description="When that job ended; null while it is being finished.", examples=["2026-11-23T07:24:02Z"]
    )
    created_by: str = Field(description="Who created that job.", examples=["ada"])
    training_sheet_id: str = Field(description="The training sheet.", examples=["sheet-123"])
    training_sheet_name: str = Field(description="Its name.", examples=["Document triage"])
    base_model: str = Field(description="The base model.", examples=["builtin:tiny"])
    dataset_digest: str = Field(description="SHA-256 (hex) of the dataset.", examples=[DIGEST])
    train_pairs: int | None = Field(description="Pairs in the training split.", examples=[248])
    validation_pairs: int | None = Field(description="Pairs in the validation split.", examples=[62])
    aliases: list[str] = Field(description="Aliases that point to it now.", examples=[["champion"]])


class ModelVersionPage(Answer):
    """A page of model versions, the newest first."""

    model_versions: list[ModelVersion] = Field(description="The versions on this page.")
    total: int = Field(description="Number of versions that pass the filters.", examples=[1])
    page: Page
    page_size: PageSize
    next_cursor: NextCursor
    aliases_unavailable: str | None = _UNAVAILABLE


class Steward(Answer):
    """A person, and how many pairs are theirs."""

    name: str = Field(description="Name of the person.", examples=["dr.meier"])
    pairs: int = Field(description="Number of pairs in both splits.", examples=[310])


class Approvals(Answer):
    """Who permitted the rows of both splits to be used, as the manifest has it."""

    pairs: int = Field(description="Pairs in both splits.", examples=[310])
    reviewed_by: list[Steward] = Field(description="Who approved them, the most pairs first.")
    reviewed_missing: int = Field(description="Pairs without a recorded approver.", examples=[0])
    constraints_set_by: list[Steward] = Field(description="Who set their usage constraints, the most pairs first.")
    constraints_missing: int = Field(
        description="Pairs without a record of who set their usage constraints.", examples=[0]
    )


class ModelAncestor(Answer):
    """A model of this installation that the version comes from."""

    job_id: str = Field(description="The job that trained it.", examples=["tj-20261101-081500-1c2d3e"])
    name: str = Field(description="The model.", examples=["triage-model"])
    version: str | None = Field(description="Its version; null for one that was kept as an artifact.", examples=["1"])
    base_model: str = Field(description="Its own base model.", examples=["HuggingFaceTB/SmolLM2-135M-Instruct"])
    base_recorded: bool = Field(description="Whether the origin of that base model is recorded.", examples=[True])


class ModelDescendant(Answer):
    """A training job whose base model comes from the version."""

    job_id: str = Field(description="The job.", examples=["tj-20261201-081500-1c2d3e"])
    name: str = Field(description="Its model.", examples=["triage-model"])
    version: str | None = Field(description="Version that it registered; null if none, or not yet.", examples=["3"])
    status: str = Field(description="Its status.", examples=["succeeded"])
    through: list[str] = Field(
        description="Jobs on the path from the version's own job to that of its base model.", examples=[[JOB]]
    )


class AliasUse(Answer):
    """An alias that the version was seen with. The registry keeps no times: they are those of our checks."""

    alias: str = Field(description="The alias.", examples=["champion"])
    since: datetime = Field(description="When it was first seen on this version.", examples=["2026-11-23T08:00:00Z"])
    until: datetime | None = Field(
        description="When it was first seen to have moved or been removed; null while it is on this version.",
        examples=[None],
    )


class EndpointUse(Answer):
    """A serving endpoint of the version, recorded by a person or reported by the workspace."""

    url: str = Field(description="Its URL.", examples=["https://models.example.org/triage"])
    since: datetime = Field(description="When it was recorded, or seen first.", examples=["2026-11-23T08:00:00Z"])
    until: datetime | None = Field(
        description="When it was recorded or seen to have ended; null if it is still in use.", examples=[None]
    )
    added_by: str | None = Field(
        description="Who recorded it; null if it was found in the workspace.", examples=["ada"]
    )
    removed_by: str | None = Field(description="Who recorded the end.", examples=[None])
    workspace: str | None = Field(
        description="Workspace in which it was found; null if somebody recorded it.", examples=[None]
    )


class ModelEndpoints(Answer):
    """The serving endpoints of a version, current ones first."""

    endpoints: list[EndpointUse] = Field(description="Every recorded endpoint.")


class ModelFile(Answer):
    """A file of the model."""

    path: str = Field(description="Its path in the model's folder.", examples=["model.safetensors"])
    sha256: str = Field(description="SHA-256 (hex), as it was registered.", examples=[DIGEST])
    bytes: int | None = Field(description="Size in bytes; null if it cannot be read from here.", examples=[489344])


class RetrainProposal(Answer):
    """A retrain of a tainted version without the withdrawn rows, ready to be launched."""

    request: dict[str, Any] = Field(
        description="The body of the request for the training job.",
        examples=[{"training_sheet_id": "sheet-123", "model_name": "triage-model", "base_model": "builtin:tiny"}],
    )
    train: int | None = Field(
        description="Rows of its training split that were withdrawn; null where its manifest cannot be read.",
        examples=[3],
    )
    validation: int | None = Field(description="The same of its validation split.", examples=[1])
    tainted_base: str | None = Field(
        description="Tainted base model that is replaced; null if the base model stays the same.", examples=[None]
    )
    updated_at: datetime = Field(description="When it was last tainted.", examples=["2026-11-24T09:00:00Z"])
    launched_job_id: str | None = Field(description="Latest job launched for it.", examples=[None])
    launched_by: str | None = Field(description="Who launched it.", examples=[None])
    estimate: Estimate = Field(description="Estimated duration and cost of the job, or why there is no estimate.")


class ModelVersionDetails(ModelVersion):
    """A version with everything that is on record of it."""

    sheet_id: str = Field(description="The source sheet.", examples=["incoming-documents"])
    template_id: str = Field(description="The prompt template.", examples=["triage"])
    template_version: str = Field(description="Its version; empty if the source has none.", examples=["3"])
    gate_policy_version: str = Field(description="Version of the gate policy that was applied.", examples=["3"])
    train_loss: float | None = Field(description="Training loss.", examples=[0.41])
    val_loss: float | None = Field(description="Validation loss.", examples=[0.52])
    val_accuracy: float | None = Field(description="Mean accuracy of tokens in validation.", examples=[0.87])
    approvals: Approvals | None = Field(
        description="Who permitted its rows to be used; null if the manifest cannot be read."
    )
    manifest_problem: str | None = Field(description="What is wrong with the manifest.", examples=[None])
    ancestors: list[ModelAncestor] | None = Field(
        description="The models of this installation that it comes from, the nearest first; null where that is not "
        "on record."
    )
    descendants: list[ModelDescendant] = Field(description="The jobs whose base model comes from it.")
    alias_uses: list[AliasUse] = Field(description="Aliases that it was seen with, current ones first.")
    aliases_unavailable: str | None = _UNAVAILABLE
    endpoints: list[EndpointUse] = Field(description="Endpoints that serve or served it, current ones first.")
    endpoints_looked_at: datetime | None = Field(
        description="When the endpoints of the workspace were last read; null if none is read.", examples=[None]
    )
    location: str | None = Field(
        description="The folder or address of the model; null where it is not known.",
        examples=["/var/lib/training_pipeline/runs/tj-20261123-072145-9f3a2c-1/model"],
    )
    location_problem: str | None = Field(
        description="Why it cannot be read from here; null if it can.", examples=[None]
    )
    files: list[ModelFile] = Field(description="Its files, by path.")
    download_problem: str | None = Field(
        description=(
            "Why its files cannot be downloaded: it is withdrawn, tainted without an accepted risk, or not "
            "finished. Null if they can."
        ),
        examples=[None],
    )
    snippet: str | None = Field(
        description="Python code that loads the model and asks it a question; null if its location is not known.",
        examples=["from transformers import pipeline"],
    )
    evaluations: list[ModelEvaluation] = Field(description="Its evaluations, newest first.")
    registry_url: str | None = Field(
        description="Its page in the registry; null if there is none.",
        examples=["https://mlflow.example.org/#/models/triage-model/versions/2"],
    )

    retrain: RetrainProposal | None = Field(
        description="Proposal to retrain it without the withdrawn rows; null if it is not tainted."
    )

    @classmethod
    def of_whole(
        cls,
        whole: Whole,
        at: Urls,
        retrain: tuple[domain.RetrainProposal, estimates.Estimate] | None,
        *,
        evaluations: Iterable[records.Evaluation],
        download_problem: str | None,
    ) -> Self:
        """What is on record of a version, and its evaluations, the newest first."""
        record, job = whole.record, whole.job
        return cls.model_validate(
            {
                **fields_of(whole.version),
                "sheet_id": record.sheet_id,
                "template_id": record.template_id,
                "template_version": record.template_version,
                "gate_policy_version": record.gate_policy_version,
                "train_loss": job.progress.train_loss,
                "val_loss": job.progress.val_loss,
                "val_accuracy": job.progress.val_accuracy,
                "approvals": whole.approvals,
                "manifest_problem": whole.manifest_problem,
                "ancestors": whole.ancestors,
                "descendants": whole.descendants,
                "alias_uses": whole.aliases,
                "aliases_unavailable": whole.aliases_unavailable,
                "endpoints": whole.endpoints,
                "endpoints_looked_at": whole.endpoints_looked_at,
                "location": whole.place.location,
                "location_problem": whole.place.unreadable or None,
                "files": whole.files,
                "download_problem": download_problem,
                "snippet": whole.snippet,
                "evaluations": [ModelEvaluation.of(each) for each in evaluations],
                "registry_url": at.model_version(job),
                "retrain": None if retrain is None else {**dict(retrain[0]), "estimate": retrain[1]},
            }
        )


def fields_of(version: Registered) -> dict[str, object]:
    """The fields of a version in a list."""
    return {name: getattr(version, name) for name in ModelVersion.model_fields}


class ModelVersionCheck(Answer):
    """The result of one check."""

    name: str = Field(
        description="What was checked: state, rows, base_model (its rows), dataset, files, dagster or mlflow.",
        examples=["rows"],
    )
    outcome: Outcome = Field(description="The result of the check.", examples=["pass"])
    message: str = Field(
        description="Finding in one sentence.", examples=["Its rows may still be trained on, all of them."]
    )


class ModelVersionVerification(Answer):
    """Whether a version is still clean, as checked now."""

    name: str = Field(description="The model.", examples=["triage-model"])
    version: str = Field(description="Its version.", examples=["2"])
    verdict: Cleanness = Field(
        description="`not_clean` if any check failed, `unknown` if any could not be made, otherwise `clean`.",
        examples=["clean"],
    )
    checks: list[ModelVersionCheck] = Field(description="Every check.")

    @classmethod
    def of_checks(cls, name: str, version: str, checks: Sequence[FoundCheck]) -> Self:
        """The answer from what was found."""
        found = [ModelVersionCheck.model_validate(check) for check in checks]
        return cls(name=name, version=version, verdict=verdict(checks), checks=found)
