"""Bodies and response models of revocations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.revocations import LONGEST_REASON, RevocationSource, RevokedKind
from training_pipeline.domain.uses import NOWHERE
from training_pipeline.schemas.base import Answer, NextCursor, Page, PageSize
from training_pipeline.schemas.uses import JOB, InUse, NotSearched

if TYPE_CHECKING:
    from training_pipeline.domain import revocations as domain
    from training_pipeline.models.revocations.outcomes import Preview
    from training_pipeline.models.revocations.read import Counted, Whole
    from training_pipeline.models.uses.in_use import InUses

REVOCATION = "rv-20261123-072145-9f3a2c"


class Revoke(BaseModel):
    """What is revoked, and why: a pair of a training sheet, an item, a label, an example, a question or a sheet."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"example": {"pair": "p-0001", "sheet": "sheet-123", "reason": "consent withdrawn"}},
    )

    pair: str | None = Field(None, description="Id of a pair; `sheet` is required with it.", examples=["p-0001"])
    item: str | None = Field(None, description="An item of the source sheet.", examples=["item-0001"])
    label: str | None = Field(None, description="A canonical label.", examples=["label-17"])
    row_hash: str | None = Field(
        None, description="SHA-256 (hex) of an example, as in a manifest.", examples=["3b1f0d2c" * 8]
    )
    question_hash: str | None = Field(
        None, description="Hash of a question, as in a manifest.", examples=["3b1f0d2c" * 4]
    )
    sheet: str | None = Field(
        None,
        description=(
            "Training sheet in which it is revoked; by default every one. For an item or a label it may also "
            "be a source sheet, which means every training sheet made from it. Without any other field, the "
            "training sheet or source sheet as a whole is revoked."
        ),
        examples=["sheet-123"],
    )
    reason: str = Field(
        description=(
            f"Reason, 1 to {LONGEST_REASON} characters. It is kept permanently, so do not quote text of the pair."
        ),
        examples=["consent withdrawn"],
    )


class Taint(Answer):
    """A model that is tainted by a revocation, because it learned from its rows."""

    revocation_id: str = Field(description="The revocation; empty in a preview.", examples=[REVOCATION])
    job_id: str = Field(description="The job that trained the model.", examples=[JOB])
    model_name: str = Field(description="The model.", examples=["triage-model"])
    model_version: str | None = Field(description="Its version; null where it is kept as an artifact.", examples=["2"])
    train: int = Field(description="Rows in the training split of its own dataset.", examples=[1])
    validation: int = Field(description="Rows in the validation split of its own dataset.", examples=[0])
    inherited_from: list[str] = Field(
        description=(
            "Jobs that it inherits the taint from, nearest first: it was trained from their models, which "
            "learned from the rows."
        ),
        examples=[[]],
    )
    in_use: InUse = Field(description="Where the version is in use now.")
    clean_successor: str | None = Field(
        None,
        description=(
            "First later version of the model that did not learn from the rows, directly or through a base "
            "model; null if there is none."
        ),
        examples=["3"],
    )

    @classmethod
    def of(cls, taint: domain.Taint, in_use: InUses, *, clean_successor: str | None = None) -> Taint:
        """A taint of the store."""
        used = in_use.get((taint.model_name, taint.model_version), NOWHERE)
        return cls(**taint.model_dump(), in_use=InUse.model_validate(used), clean_successor=clean_successor)


class UnreadDataset(Answer):
    """A dataset that may contain what was revoked: its manifest cannot be read."""

    training_sheet_id: str = Field(description="Its training sheet.", examples=["sheet-123"])
    dataset_digest: str = Field(description="Its digest.", examples=["3b1f0d2c" * 8])
    why: str = Field(
        description="Why it cannot be read.",
        examples=["The manifest /data/datasets/3b1f0d2c/manifest.parquet is lost: it is gone."],
    )


class Revocation(Answer):
    """A revocation on record. It does not expire: a model that learns from the rows later is tainted as well."""

    id: str = Field(description="Id of the revocation; sorts by time.", examples=[REVOCATION])
    kind: RevokedKind = Field(
        description="What was revoked; `rows` means changes that were detected in a source.", examples=["pair"]
    )
    value: str = Field(description="Its name or hash; for `rows` the digest of what was compared.", examples=["p-0001"])
    training_sheet_id: str | None = Field(
        description="Training sheet, or for an item or a label a source sheet; null for all.",
        examples=["sheet-123"],
    )
    source: RevocationSource = Field(
        description=(
            "Whether it was recorded by hand or detected in the source of the sheet: pairs that lost a "
            "permission, whose text changed since training, or that were removed."
        ),
        examples=["by_hand"],
    )
    reason: str = Field(description="Reason.", examples=["consent withdrawn"])
    actor: str = Field(description="Who recorded it; `system` for changes detected in a source.", examples=["grace"])
    pairs: int = Field(
        description="Number of pairs that were detected as changed; 0 if it was recorded by hand.", examples=[0]
    )
    created_at: datetime = Field(description="When it was recorded.", examples=["2026-11-23T07:21:45Z"])
    tainted: int = Field(description="Number of models that it taints; 0 if none learned from it.", examples=[1])
    unread: int = Field(
        description="Number of datasets that may contain it: their manifests cannot be read at present.",
        examples=[0],
    )

    @classmethod
    def of(cls, found: Counted) -> Revocation:
        """A revocation of the store."""
        return cls(**found.revocation.model_dump(exclude={"number"}), tainted=found.tainted, unread=found.unread)


class RevocationDetails(Revocation):
    """A revocation with every model that it taints."""

    taints: list[Taint] = Field(description="The models that it taints, in the order in which that was recorded.")
    pair_ids: list[str] = Field(description="Pairs that were detected as changed, at most 1,000.", examples=[[]])
    unread_datasets: list[UnreadDataset] = Field(
        description=(
            "Datasets that may contain it: their manifests cannot be read at present. Models that learned "
            "from it there are tainted once they can be."
        )
    )

    @classmethod
    def whole(cls, found: Whole) -> RevocationDetails:
        """A revocation of the store with all about it."""
        return cls(
            **found.revocation.model_dump(exclude={"number"}),
            tainted=len(found.taints),
            taints=[
                Taint.of(taint, found.in_use, clean_successor=found.successors.get(taint.job_id))
                for taint in found.taints
            ],
            pair_ids=list(found.pair_ids),
            unread=len(found.unread),
            unread_datasets=[UnreadDataset.model_validate(one) for one in found.unread],
        )


class RevocationPage(Answer):
    """A page of revocations, newest first."""

    revocations: list[Revocation] = Field(description="The revocations of this page, newest first.")
    total: int = Field(description="Number of matching revocations on all pages.", examples=[1])
    page: Page
    page_size: PageSize
    next_cursor: NextCursor


class RevocationPreview(Answer):
    """What a revocation would taint. Nothing was stored."""

    taints: list[Taint] = Field(description="Models that it would taint; empty if none learned from it.")
    jobs_in_progress: list[str] = Field(
        description="Jobs that are training on the rows now; their models would not be registered.", examples=[[JOB]]
    )
    known: str | None = Field(
        description="The id of the same revocation if it exists; otherwise null.", examples=[None]
    )
    not_searched: list[NotSearched] = Field(
        description=(
            "Training sheets that cannot be searched because the key of their hashes was destroyed or cannot "
            "be read: whether their models learned from a row with this hash is not known."
        )
    )
    unread_datasets: list[UnreadDataset] = Field(
        description="Datasets that may contain it: their manifests cannot be read at present."
    )

    @classmethod
    def of(cls, found: Preview) -> RevocationPreview:
        """What was found."""
        return cls(
            taints=[Taint.of(taint, found.in_use) for taint in found.taints],
            jobs_in_progress=list(found.in_progress),
            known=found.known.id if found.known else None,
            not_searched=[NotSearched.model_validate(one) for one in found.not_searched],
            unread_datasets=[UnreadDataset.model_validate(one) for one in found.unread],
        )
