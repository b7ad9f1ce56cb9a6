from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.model_version import VersionState
from training_pipeline.domain.study import StudyStatus
from training_pipeline.training_jobs.store.queries import JobSort
from training_pipeline.urls import Urls
from training_pipeline.web import urls
from training_pipeline.web.urls import JobFilters, StudyFilters, VersionFilters

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=128)
FILTERS = st.builds(
    JobFilters,
    statuses=st.lists(st.sampled_from(JobStatus), unique=True).map(tuple),
    sheet=WORDS,
    creator=WORDS,
    search=WORDS,
    tainted=st.booleans(),
    sort=st.sampled_from(JobSort),
    descending=st.booleans(),
    page=st.integers(1, 100_000),
    ticked=st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True), unique=True, max_size=8).map(tuple),
)


def test_the_pages_are_where_alerts_and_dagster_say_that_they_are() -> None:
    outside = Urls(dagster="http://dagster", page="http://page")
    assert outside.job("tj-1") == f"http://page{urls.job('tj-1')}"
    assert outside.version("main.ml.a b", "2/3") == f"http://page{urls.model_version('main.ml.a b', '2/3')}"
    assert outside.revocation("rv-1") == f"http://page{urls.revocation('rv-1')}"


@given(FILTERS)
def test_an_address_leads_back_to_its_filters(filters: JobFilters) -> None:
    query = dict(parse_qsl(filters.query(), keep_blank_values=True))
    assert JobFilters.parse(query) == filters


@given(st.dictionaries(st.sampled_from(["status", "sheet", "search", "sort", "order", "page", "x"]), st.text()))
def test_every_query_opens_a_page(query: dict[str, str]) -> None:
    JobFilters.parse(query)


VERSIONS = st.builds(
    VersionFilters,
    name=WORDS,
    alias=WORDS,
    sheet=WORDS,
    state=st.none() | st.sampled_from(VersionState),
    page=st.integers(1, 100_000),
)


@given(VERSIONS)
def test_an_address_of_model_versions_leads_back_to_its_filters(filters: VersionFilters) -> None:
    query = dict(parse_qsl(filters.address().partition("?")[2], keep_blank_values=True))
    assert VersionFilters.parse(query) == filters
    assert filters.filtered == bool(set(query) - {"page"})


@given(st.dictionaries(st.sampled_from([*VersionFilters.model_fields, "x"]), st.text()))
def test_every_query_opens_the_list_of_model_versions(query: dict[str, str]) -> None:
    VersionFilters.parse(query)


STUDIES = st.builds(
    StudyFilters,
    status=st.none() | st.sampled_from(StudyStatus),
    sheet=WORDS,
    creator=WORDS,
    page=st.integers(1, 100_000),
)


@given(STUDIES)
def test_an_address_of_studies_leads_back_to_its_filters(filters: StudyFilters) -> None:
    query = dict(parse_qsl(filters.address().partition("?")[2], keep_blank_values=True))
    assert StudyFilters.parse(query) == filters
    assert filters.filtered == bool(set(query) - {"page"})


def test_what_is_no_filter_is_left_out() -> None:
    query = {"status": "failed,nonsense,failed", "sort": "price", "page": "0", "search": "a\0b", "sheet": "s1"}
    assert JobFilters.parse(query) == JobFilters(statuses=(JobStatus.FAILED,), sheet="s1")


def test_a_plain_list_has_a_plain_address() -> None:
    assert JobFilters().address() == "/train"
    assert JobFilters(page=3).with_(search="x").address() == "/train?search=x"
    assert not JobFilters(sort=JobSort.STATUS).filtered
    assert JobFilters(tainted=True).filtered
    assert JobFilters(tainted=True).address() == "/train?tainted=yes"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (urls.new_job("sheet 1"), "/train/new?sheet=sheet+1"),
        (urls.retry("tj-1"), "/train/new?retry=tj-1"),
        (urls.job("tj-1"), "/train/jobs/tj-1"),
        (urls.job("tj-1", "events"), "/train/jobs/tj-1/events"),
        (urls.model_version("main.ml.triage", "7"), "/train/models/main.ml.triage/7"),
        (urls.model_version("a b", "7"), "/train/models/a%20b/7"),
        (urls.ask_pair("/train/models/a/7", "p 1"), "/train/models/a/7?pair=p+1#playground-title"),
        (urls.study("triage-2026-11"), "/train/studies/triage-2026-11"),
        (StudyFilters.parse({"status": "odd", "sheet": "s 1"}).address(), "/train/studies?sheet=s+1"),
        (VersionFilters().with_(state=VersionState.TAINTED).address(), "/train/models?state=tainted"),
    ],
)
def test_addresses_of_pages(found: str, expected: str) -> None:
    assert found == expected


def test_one_job_more_than_can_be_compared_is_not_ticked() -> None:
    filters = JobFilters(page=3)
    for number in range(9):
        filters = filters.tick(f"tj-{number}", ticked=True)
    assert (filters.page, filters.ticked) == (3, tuple(f"tj-{number}" for number in range(8)))
    assert not filters.filtered
    assert filters.tick("tj-0", ticked=False).tick("tj-9", ticked=True).ticked[-1] == "tj-9"
    assert JobFilters.parse({"ticked": "a/b,c", "search": "x"}) == JobFilters(search="x")
