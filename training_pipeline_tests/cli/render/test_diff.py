"""What differs between two jobs, in a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from training_pipeline.cli.render.diff import job_diff
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.schemas.diff import FieldDifference, PairChanges, PairDifference, TrainingJobDiff
from training_pipeline.schemas.lineage import LineagePair


def lineage_pair(pair_id: str, **values: str) -> LineagePair:
    return LineagePair.model_validate({**dict.fromkeys(LineagePair.model_fields), "pair_id": pair_id, **values})


DIFF = TrainingJobDiff(
    first_job_id="tj-1",
    second_job_id="tj-2",
    counts=PairChanges(added=1, removed=1200, edited=0, renamed=1, moved=0),
    fields=[FieldDifference(field="dataset_digest", before="a" * 64, after="b" * 64)],
    pairs=[
        PairDifference(
            pair_id="withdrawn",
            changes=[PairChange.REMOVED],
            before=lineage_pair("withdrawn", split="train", constraints_set_by="sam"),
            after=lineage_pair("withdrawn", reason="training_prohibited", constraints_set_by="[eve]"),
        ),
        PairDifference(
            pair_id="new",
            changes=[PairChange.RENAMED],
            before=lineage_pair("old", split="train"),
            after=lineage_pair("new", split="train", reviewed_by="grace", reviewed_at="2026-11-02"),
        ),
        PairDifference(pair_id="gone", changes=[PairChange.REMOVED], before=lineage_pair("gone"), after=None),
    ],
    next_cursor="next",
)


def shown(diff: TrainingJobDiff, *, first_page: bool) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=200, highlight=False).print(job_diff(diff, first_page=first_page))
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_counts_then_what_else_differs_then_pairs_with_who_decided() -> None:
    lines = shown(DIFF, first_page=True)
    assert "removed 1,200 Only the first job used it." in lines
    assert "dataset_digest aaaaaaaaaaaa bbbbbbbbbbbb" in lines
    assert "withdrawn removed train training_prohibited [eve]" in lines
    assert "old → new renamed train train grace, 2026-11-02" in lines
    assert "gone removed - not in the sheet not recorded" in lines
    assert any("--cursor next" in line for line in lines)


def test_a_later_page_has_pairs_only_and_no_change_is_said() -> None:
    assert not any("1,200" in line for line in shown(DIFF, first_page=False))
    same = DIFF.model_copy(update={"fields": [], "pairs": [], "next_cursor": None})
    assert "Nothing else differs." in shown(same, first_page=True)
    assert shown(same, first_page=False) == ["No pairs."]
