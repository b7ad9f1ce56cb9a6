"""Who allowed the rows, against counting them one by one; and manifests that cannot say it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.errors import Unavailable
from training_pipeline.models.versions.approvals import Steward, approvals
from training_pipeline.testing.models.used_rows import dataset_of, row
from training_pipeline.testing.soak import examples

WHO = st.sampled_from([None, "", "  ", "grace", "sam", "dr. müller"])


@hypothesis.settings(max_examples=examples(15), suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(st.tuples(st.sampled_from(["train", "validation", "flagged"]), WHO, WHO), max_size=12))
def test_every_included_pair_counts_once_for_each_question(
    drawn: list[tuple[str, str | None, str | None]], tmp_path: Path
) -> None:
    rows = [
        row(f"p{number}", side, reviewed_by=reviewed, constraints_set_by=set_by)
        for number, (side, reviewed, set_by) in enumerate(drawn)
    ]
    found = approvals(dataset_of(tmp_path, "s", rows))
    included = [one for one in drawn if one[0] != "flagged"]
    assert found.pairs == len(included)
    for place, named, missing in (
        (1, found.reviewed_by, found.reviewed_missing),
        (2, found.constraints_set_by, found.constraints_missing),
    ):
        expected = Counter((one[place] or "").strip() for one in included)
        assert missing == expected.pop("", 0)
        assert Counter({one.name: one.pairs for one in named}) == expected
        assert [one.pairs for one in named] == sorted(expected.values(), reverse=True)


def test_a_manifest_that_is_lost_damaged_or_another_one_is_said(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "s", [row("a", "train", reviewed_by="grace"), row("b", "validation")])
    other = dataset_of(tmp_path, "s", [row("a", "train", reviewed_by="eve"), row("b", "validation")])
    assert approvals(dataset).reviewed_by == (Steward("grace", 1),)
    whole = dataset.manifest_file.read_bytes()
    for content, why in (
        (other.manifest_file.read_bytes(), "not those that were recorded"),
        (whole[:99], "cannot be used"),
        (b"", "cannot be used"),
    ):
        dataset.manifest_file.write_bytes(content)
        with pytest.raises(Unavailable, match=why) as caught:
            approvals(dataset)
        assert str(dataset.manifest_file) in caught.value.message
        assert "backup" in caught.value.hint
    dataset.manifest_file.unlink()
    with pytest.raises(Unavailable, match="it is gone"):
        approvals(dataset)
