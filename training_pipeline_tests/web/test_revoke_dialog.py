"""What the dialog says of a revocation before it is recorded."""

from __future__ import annotations

from collections.abc import Sequence

from training_pipeline.schemas.revocation import RevocationPreview, UnreadDataset
from training_pipeline.schemas.uses import NotSearched
from training_pipeline.web.revoke_dialog import effect, not_searched

UNSEARCHED = NotSearched(training_sheet_id="letters", hash_key="hk-1", why="its key was destroyed for rv-1")


def preview(*unsearched: NotSearched, unread: Sequence[UnreadDataset] = ()) -> RevocationPreview:
    return RevocationPreview(
        taints=[],
        jobs_in_progress=["tj-1"],
        known=None,
        not_searched=list(unsearched),
        unread_datasets=list(unread),
    )


def test_nothing_learned_from_it_where_everything_was_searched() -> None:
    said = effect(preview())
    assert said == ["Nothing learned from it.", "Jobs in progress that will not be registered: tj-1."]


def test_what_nobody_could_search_is_named() -> None:
    nothing, *unsearched, _ = effect(preview(UNSEARCHED, UNSEARCHED))
    assert nothing == "Nothing learned from it, as far as could be searched."
    assert unsearched == not_searched([UNSEARCHED, UNSEARCHED])
    assert unsearched[0] == (
        "Training sheet letters was not searched (hk-1): its key was destroyed for rv-1. Whether its models learned "
        "from it is not known."
    )


def test_a_dataset_that_nobody_can_read_is_named() -> None:
    unread = UnreadDataset(training_sheet_id="letters", dataset_digest="3b1f", why="Its manifest is gone.")
    nothing, named, _ = effect(preview(unread=[unread]))
    assert nothing == "Nothing learned from it, as far as could be searched."
    assert named == (
        "Whether dataset 3b1f of training sheet letters holds it is not known: Its manifest is gone. What learned from "
        "it is tainted once it can be read."
    )
