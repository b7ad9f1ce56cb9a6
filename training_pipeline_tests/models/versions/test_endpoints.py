from __future__ import annotations

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.errors import InvalidRequest, NotFound
from training_pipeline.models.versions import endpoints
from training_pipeline.testing.soak import examples
from training_pipeline.training_jobs.store.jobs import JobStore

URL = "https://models.example.org/triage"


def test_since_and_until_and_by_whom_stay(store: JobStore) -> None:
    for _ in range(2):  # a repetition changes nothing
        endpoints.add(store, "triage", "1", URL, actor="ada")
    (first,) = endpoints.history(store, "triage", "1")
    assert (first.url, first.until, first.added_by, first.removed_by) == (URL, None, "ada", None)
    endpoints.remove(store, "triage", "1", URL, actor="grace")
    with pytest.raises(NotFound, match="None is recorded"):
        endpoints.remove(store, "triage", "1", URL, actor="eve")
    endpoints.add(store, "triage", "1", URL, actor="eve")
    now, before = endpoints.history(store, "triage", "1")
    assert (now.added_by, now.until) == ("eve", None)
    assert before.until is not None
    assert (before.added_by, before.removed_by, before.since) == ("ada", "grace", first.since)
    assert now.since >= before.until >= before.since
    with pytest.raises(NotFound, match=URL) as caught:
        endpoints.remove(store, "triage", "1", f"{URL}2", actor="ada")
    assert URL in caught.value.hint
    assert endpoints.history(store, "triage", "2") == ()


@hypothesis.settings(max_examples=examples(30))
@given(
    st.sampled_from(
        ["", "x", "ftp://a.b/c", "javascript:alert(1)", "https://", "https://me:secret@host/x", "https://a b"]
    )
    | st.text(max_size=20)
    | st.integers(1000, 3000).map(lambda length: "https://a.b/" + "x" * length)
)
def test_what_is_no_address_of_an_endpoint_is_refused_without_asking_anybody(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        endpoints.add(None, "triage", "1", url, actor="ada")  # type: ignore[arg-type]
    assert [problem.pointer for problem in caught.value.problems] == ["/url"]
    assert "secret" not in str(caught.value)
