from __future__ import annotations

from training_pipeline.training_jobs.store.request_id import request_id, with_request_id


def test_an_event_names_the_request_that_caused_it() -> None:
    token = request_id.set("req-1")
    try:
        assert with_request_id(None) == {"request_id": "req-1"}
        assert with_request_id({"attempt": 2}) == {"attempt": 2, "request_id": "req-1"}
    finally:
        request_id.reset(token)


def test_without_a_request_the_data_is_a_copy_of_what_was_given() -> None:
    data = {"attempt": 2}
    copied = with_request_id(data)
    assert copied == data
    assert copied is not data
    assert with_request_id(None) is None
