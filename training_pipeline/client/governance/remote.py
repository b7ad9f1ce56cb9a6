"""The verbs of uses of pairs, revocations and decisions behind a REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from training_pipeline.client.http import OverHttp
from training_pipeline.schemas.decision import Decision, DecisionChain, DecisionPage
from training_pipeline.schemas.revocation import RevocationDetails, RevocationPage, RevocationPreview
from training_pipeline.schemas.uses import Uses


class RemoteGovernance(OverHttp):
    """`Governance` over HTTP."""

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
        params = {
            "pair": pair,
            "item": item,
            "label": label,
            "row_hash": row_hash,
            "question_hash": question_hash,
            "template": template,
            "sheet": sheet,
        }
        return self._service.ask(Uses, "GET", "/uses", params=params)

    def preview_revocation(self, body: Mapping[str, Any]) -> RevocationPreview:
        """See `Client`."""
        return self._service.ask(RevocationPreview, "POST", "/revocations", params={"dry_run": True}, body=body)

    def revoke(self, body: Mapping[str, Any]) -> RevocationDetails:
        """See `Client`."""
        return self._service.ask(RevocationDetails, "POST", "/revocations", body=body)

    def revocations(
        self, *, job_id: str | None = None, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> RevocationPage:
        """See `Client`."""
        params = {"job_id": job_id, "page": page, "page_size": page_size, "cursor": cursor}
        return self._service.ask(RevocationPage, "GET", "/revocations", params=params)

    def revocation(self, revocation_id: str) -> RevocationDetails:
        """See `Client`."""
        return self._service.ask(RevocationDetails, "GET", f"/revocations/{quote(revocation_id, safe='')}")

    def decide(self, body: Mapping[str, Any]) -> Decision:
        """See `Client`."""
        return self._service.ask(Decision, "POST", "/decisions", body=body)

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
        params = {
            "model_name": model_name,
            "model_version": model_version,
            "page": page,
            "page_size": page_size,
            "cursor": cursor,
        }
        return self._service.ask(DecisionPage, "GET", "/decisions", params=params)

    def verify_decisions(self, *, head: str | None = None) -> DecisionChain:
        """See `Client`."""
        return self._service.ask(DecisionChain, "GET", "/decisions/verification", params={"head": head})
