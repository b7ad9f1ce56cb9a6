"""What a training came to, pair by pair."""

from __future__ import annotations

from typing import cast

import pytest

from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.result import PairLoss, TrainingJobResult
from training_pipeline.testing.jobs.api_answers import job
from training_pipeline.testing.ui.parts import a_page, tags
from training_pipeline.web import urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.jobs.result import ResultTab

pytestmark = pytest.mark.anyio


class Measured:
    """A client of a job with two losses."""

    async def result(self, job_id: str) -> TrainingJobResult:
        withheld = PairLoss(
            pair_id="a/1", loss=4.2, tokens=6, classification=None, question=None, expected=None, withheld="role"
        )
        nothing = dict.fromkeys(TrainingJobResult.model_fields)
        losses = [withheld, withheld.model_copy(update={"pair_id": None})]
        known = {"job_id": job_id, "texts_shown": False, "answered": [], "losses": losses, "losses_measured": 2}
        return TrainingJobResult.model_validate({**nothing, **known})


async def test_a_pair_leads_to_its_own_training_sheet() -> None:
    shown = job(status=JobStatus.SUCCEEDED)
    async with a_page() as page:
        await ResultTab(cast("PageClient", Measured())).show(shown)
        found = [one._props["href"] for one in tags(page) if "See it" in str(one._props.get("title"))]
    assert found == [urls.sheet_pair(shown.training_sheet_id, "a/1")]
    assert found[0].endswith(f"/sheets/{shown.training_sheet_id}?pair=a%2F1#pairs-title")
