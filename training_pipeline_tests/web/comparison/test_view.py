from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP
from training_pipeline.web.charts.view import AXES
from training_pipeline.web.comparison.curves import steps_of
from training_pipeline.web.comparison.view import ComparisonView

BOUNDS = st.none() | st.integers(0, 10**9).map(float)
IDS = st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True), unique=True, max_size=8).map(tuple)
VIEWS = st.builds(
    ComparisonView,
    jobs=IDS,
    hide=IDS,
    mark=st.sampled_from(["", "tj-1"]),
    x=st.sampled_from(list(AXES)),
    start=BOUNDS,
    end=BOUNDS,
)


@given(VIEWS)
def test_an_address_leads_back_to_its_view(view: ComparisonView) -> None:
    assert ComparisonView.parse(dict(parse_qsl(urlsplit(view.address()).query))) == view


@given(VIEWS)
def test_steps_are_loaded_for_the_stretch_of_an_axis_of_steps_alone(view: ComparisonView) -> None:
    first, last = steps_of(view)
    assert FIRST_STEP <= first <= last <= LAST_STEP
    if view.x != "step":
        assert (first, last) == (FIRST_STEP, LAST_STEP)
    moved = view.on_axis("time")
    assert (moved.x, moved.zoomed, moved.jobs, moved.hide) == ("time", False, view.jobs, view.hide)
