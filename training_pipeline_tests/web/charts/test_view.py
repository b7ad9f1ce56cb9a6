from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.smoothing import MOST_SMOOTHING
from training_pipeline.web.charts.view import AXES, ChartView

KEYS = st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True), unique=True, max_size=4).map(tuple)
VIEWS = st.builds(
    ChartView,
    x=st.sampled_from(list(AXES)),
    scale=st.sampled_from(["linear", "log"]),
    smoothing=st.integers(0, 999).map(lambda number: number / 1000),
    hide=KEYS,
)


@given(VIEWS)
def test_a_query_leads_back_to_its_view(view: ChartView) -> None:
    assert ChartView.parse(dict(parse_qsl(view.query()))) == view


@given(st.dictionaries(st.sampled_from([*ChartView.model_fields, "other"]), st.text()))
def test_every_query_opens_a_page(query: dict[str, str]) -> None:
    view = ChartView.parse(query)
    assert 0 <= view.smoothing <= MOST_SMOOTHING


def test_what_is_wrong_costs_itself_alone_and_the_first_view_has_no_query() -> None:
    view = ChartView.parse({"x": "tokens", "smoothing": "2", "scale": "bent"})
    assert view == ChartView(x="tokens")
    assert ChartView().query() == ""


@given(VIEWS, st.sampled_from(["a", "b"]))
def test_toggling_twice_shows_the_same_lines(view: ChartView, key: str) -> None:
    assert (key in view.toggled(key).hide) != (key in view.hide)
    assert set(view.toggled(key).toggled(key).hide) == set(view.hide)
