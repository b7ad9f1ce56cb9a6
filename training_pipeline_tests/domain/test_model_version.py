from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.model_version import MEANINGS, Check, Cleanness, Outcome, VersionState, verdict


@given(st.lists(st.sampled_from(Outcome), max_size=8))
def test_one_failure_is_enough_and_what_is_unknown_is_never_clean(outcomes: list[Outcome]) -> None:
    found = verdict([Check(name="x", outcome=outcome, message="x") for outcome in outcomes])
    assert (found is Cleanness.NOT_CLEAN) == (Outcome.FAIL in outcomes)
    assert (found is Cleanness.CLEAN) == (set(outcomes) == {Outcome.PASS})


def test_every_state_is_explained() -> None:
    assert set(MEANINGS) == set(VersionState)
