"""What one person writes on a job leaves what others write at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.testing.jobs.api_answers import job
from training_pipeline.testing.ui.parts import a_page, happens, named
from training_pipeline.web.client import PageClient
from training_pipeline.web.jobs.annotations import Annotations

pytestmark = pytest.mark.anyio


class Written:
    """A client that remembers what is written."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, list[str], list[str]]] = []

    def may_annotate(self, job: TrainingJob) -> bool:
        return job.id == "tj-1"

    async def annotate(
        self, job_id: str, *, note: str | None, add_tags: Sequence[str], remove_tags: Sequence[str]
    ) -> None:
        assert job_id == "tj-1"
        self.asked.append((note, list(add_tags), list(remove_tags)))


async def test_only_what_was_changed_is_sent() -> None:
    written = Written()

    async def done() -> None:
        assert written.asked

    async with a_page() as page:
        dialog = Annotations(cast("PageClient", written), "tj-1", done)
        dialog.show(job(note="as it was", tags=("a", "b")))
        (note,) = (one for one in page.elements.values() if one.tag == "textarea")
        (tags,) = (one for one in page.elements.values() if one.tag == "input")
        await happens(named(page, "Edit"))
        await happens(tags, "input", "b, c")
        await happens(named(page, "Save"))
        await happens(named(page, "Edit"))
        await happens(note, "input", "another")
        await happens(named(page, "Save"))
    assert written.asked == [(None, ["c"], ["a"]), ("another", [], [])]
