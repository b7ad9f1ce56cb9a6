"""The verbs of uses of pairs, revocations and decisions on this installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from training_pipeline.client.governance.decisions import decision_page
from training_pipeline.client.governance.revocations import revocation_page
from training_pipeline.client.roles import needs
from training_pipeline.client.services import OnServices, checked
from training_pipeline.domain.access import Role
from training_pipeline.domain.revocations import revoked
from training_pipeline.domain.uses import question
from training_pipeline.models.revocations import read
from training_pipeline.models.uses import ask
from training_pipeline.schemas.decision import Decide, Decision, DecisionChain
from training_pipeline.schemas.revocation import RevocationDetails, RevocationPreview, Revoke
from training_pipeline.schemas.uses import Uses

if TYPE_CHECKING:
    from training_pipeline.domain.uses import Kind
    from training_pipeline.schemas.decision import DecisionPage
    from training_pipeline.schemas.revocation import RevocationPage


class LocalGovernance(OnServices):
    """`Governance` over the services of one installation."""

    @needs(Role.VIEWER)
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
        """See `Client`."""
        keys: dict[Kind, str | None] = {
            "pair": pair,
            "item": item,
            "label": label,
            "row_hash": row_hash,
            "question_hash": question_hash,
            "template": template,
            "sheet": sheet,
        }
        return Uses.model_validate(ask.uses(self._services.store, question(keys), self._services.keys))

    @needs(Role.STEWARD)
    def preview_revocation(self, body: Mapping[str, Any] | Revoke) -> RevocationPreview:
        """See `Client`."""
        asked = checked(Revoke, body)
        return RevocationPreview.of(self._services.revocations.preview(revoked(_keys(asked), reason=asked.reason)))

    @needs(Role.STEWARD)
    def revoke(self, body: Mapping[str, Any] | Revoke) -> RevocationDetails:
        """See `Client`."""
        asked = checked(Revoke, body)
        what = revoked(_keys(asked), reason=asked.reason)
        made = self._services.revocations.revoke(what, reason=asked.reason, actor=self.caller.name)
        return self.revocation(made.revocation.id)

    @needs(Role.VIEWER)
    def revocations(
        self, *, job_id: str | None = None, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> RevocationPage:
        """See `Client`."""
        return revocation_page(self._services.store, job_id=job_id, page=page, page_size=page_size, cursor=cursor)

    @needs(Role.VIEWER)
    def revocation(self, revocation_id: str) -> RevocationDetails:
        """See `Client`."""
        return RevocationDetails.whole(read.whole(self._services.store, revocation_id))

    @needs(Role.STEWARD)
    def decide(self, body: Mapping[str, Any] | Decide) -> Decision:
        """See `Client`."""
        asked = checked(Decide, body)
        made = self._services.decisions.decide(
            asked.model_name,
            asked.model_version,
            asked.decision,
            reason=asked.reason,
            actor=self.caller.name,
            due=asked.due,
            evidence=asked.evidence,
        )
        return Decision.of(made, self._services.decisions.in_force([made.job_id]))

    @needs(Role.VIEWER)
    def decisions(
        self,
        *,
        model_name: str | None = None,
        model_version: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> DecisionPage:
        """See `Client`."""
        return decision_page(
            self._services.decisions,
            model_name=model_name,
            model_version=model_version,
            page=page,
            page_size=page_size,
            cursor=cursor,
        )

    @needs(Role.VIEWER)
    def verify_decisions(self, *, head: str | None = None) -> DecisionChain:
        """See `Client`."""
        every, problems = self._services.decisions.verify(head=head)
        return DecisionChain(decisions=len(every), head=every[-1].hash if every else None, problems=problems)


def _keys(asked: Revoke) -> dict[Kind, str | None]:
    return {
        "pair": asked.pair,
        "item": asked.item,
        "label": asked.label,
        "row_hash": asked.row_hash,
        "question_hash": asked.question_hash,
        "sheet": asked.sheet,
    }
