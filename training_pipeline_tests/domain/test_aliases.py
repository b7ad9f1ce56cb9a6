from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.aliases import moves

STATES = st.dictionaries(st.sampled_from(["champion", "next"]), st.sampled_from(["1", "2"]))


@given(before=STATES, now=STATES)
def test_every_move_is_found_once(before: dict[str, str], now: dict[str, str]) -> None:
    found = moves("triage", before, now)
    state: dict[str, str | None] = {**dict.fromkeys(now), **before}
    for one in found:
        assert state.get(one.alias) == one.before != one.now
        state[one.alias] = one.now
    assert {alias: version for alias, version in state.items() if version is not None} == now
    assert len({one.alias for one in found}) == len(found)


def test_a_move_is_said_in_words() -> None:
    (moved,) = moves("triage", {"champion": "1"}, {"champion": "2"})
    (set_,) = moves("triage", {}, {"champion": "2"})
    (taken,) = moves("triage", {"champion": "2"}, {})
    assert str(moved) == "champion of triage was moved from version 1 to 2"
    assert str(set_) == "champion of triage was set to version 2"
    assert str(taken) == "champion of triage was taken from version 2"
