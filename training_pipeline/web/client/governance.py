"""Revocations and uses, as pages ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.schemas.revocation import RevocationDetails, RevocationPage, RevocationPreview
from training_pipeline.schemas.uses import Uses
from training_pipeline.web.client.base import PageCalls, thread


class GovernanceCalls(PageCalls):
    """Revocations and uses, as pages ask for them."""

    async def uses(self, keys: Mapping[str, str | None]) -> Uses:
        """Where something was used."""
        return await thread(self.local.uses, **keys)

    @property
    def may_revoke(self) -> bool:
        """Whether the caller may revoke."""
        return self.caller.may_act_as(least_role(LocalClient.revoke))

    async def preview_revocation(self, body: Mapping[str, Any]) -> RevocationPreview:
        """What a revocation would taint."""
        return await thread(self.local.preview_revocation, body)

    async def revoke(self, body: Mapping[str, Any]) -> RevocationDetails:
        """The revocation, recorded."""
        return await thread(self.local.revoke, body)

    async def revocations(
        self, *, job_id: str | None = None, page_size: int, cursor: str | None = None
    ) -> RevocationPage:
        """A page of revocations."""
        return await thread(self.local.revocations, job_id=job_id, page_size=page_size, cursor=cursor)

    async def revocation(self, revocation_id: str) -> RevocationDetails:
        """One revocation."""
        return await thread(self.local.revocation, revocation_id)
