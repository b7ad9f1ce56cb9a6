from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.launched_by import NAME, launcher, tags_of

CALLERS = st.builds(Caller, st.text(min_size=1), st.sampled_from(Role), st.sampled_from(["t1"]))


@given(CALLERS)
def test_the_tags_say_who_it_was_and_what_they_may(caller: Caller) -> None:
    found = launcher({"other": "tag", **tags_of(caller)})
    assert found is not None
    assert (found.name, found.role) == (caller.name, caller.role)


def test_where_nobody_logged_in_there_is_nobody() -> None:
    assert tags_of(Caller("local", Role.ADMIN)) == {}
    assert launcher({}) is None
    assert launcher({NAME: "ada"}) is None
