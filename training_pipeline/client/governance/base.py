"""The verbs of uses of pairs, revocations and decisions, whether they are of this installation or behind a REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from training_pipeline.schemas.decision import Decision, DecisionChain, DecisionPage
    from training_pipeline.schemas.revocation import RevocationDetails, RevocationPage, RevocationPreview
    from training_pipeline.schemas.uses import Uses


class Governance(Protocol):
    """Every method raises `PipelineError`."""

    def uses(
        self,
        *,
        pair: str | None = None,
        item: str | None = None,
        label: str | None = None,
        row_hash: str | None = None,
        question_hash: str | None = None,
        template: str | None = None,
        sheet: str | None = None,
    ) -> Uses:
        """Every dataset, job and model version that used what one key names; `sheet` may say where to look."""

    def preview_revocation(self, body: Mapping[str, Any]) -> RevocationPreview:
        """What a revocation would taint; stores nothing."""

    def revoke(self, body: Mapping[str, Any]) -> RevocationDetails:
        """Revoke a pair, an item, a label or an example. Idempotent: the same revocation twice is the first one."""

    def revocations(
        self, *, job_id: str | None = None, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> RevocationPage:
        """A page of revocations, newest first; with `job_id` those that taint that job's model."""

    def revocation(self, revocation_id: str) -> RevocationDetails:
        """One revocation with every model that it taints."""

    def decide(self, body: Mapping[str, Any]) -> Decision:
        """Append a decision about a tainted model version."""

    def decisions(
        self,
        *,
        model_name: str | None = None,
        model_version: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> DecisionPage:
        """A page of decisions, newest first."""

    def verify_decisions(self, *, head: str | None = None) -> DecisionChain:
        """Whether a decision was removed or changed, or the one with the hash `head` is gone."""
