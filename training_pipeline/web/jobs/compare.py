"""The choice of a job to compare with, on the tab Lineage."""

from __future__ import annotations

from typing import Final

from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web import urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag
from training_pipeline.web.layout import go
from training_pipeline.web.urls import JobFilters

#: So many jobs of the same sheet are offered, the newest ones.
OFFERED: Final = 50


async def compare_with(client: PageClient, job: TrainingJob) -> None:
    """A choice among jobs of its sheet that have a dataset: its predecessor and the job that it retries come first."""
    filters = JobFilters(sheet=job.training_sheet_id)
    listed = (await client.jobs(filters, page_size=OFFERED)).jobs
    named = {each.id: each for each in listed if each.dataset_digest is not None and each.id != job.id}
    if not named:
        return
    first = [found for found in (job.split_predecessor, job.retry_of) if found in named]
    with Tag("label", classes="choice"):
        Tag("span", "Compare with", classes="unseen")
        choice = Tag("select")
        with choice:
            Tag("option", "Compare with …", value="")
            for each in (named[found] for found in dict.fromkeys([*first, *named])):
                Tag("option", f"{each.id} ({each.model_name}, {each.status})", value=each.id)
    choice.when("change", lambda event: go(urls.diff(str(event.args), job.id)), VALUE)
