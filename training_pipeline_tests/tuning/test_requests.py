from __future__ import annotations

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.testing.trial_life import study_request
from training_pipeline.tuning.requests import request_of


def test_what_is_sent_is_what_is_asked_for() -> None:
    request = study_request(objective="suite", suite="parcels", hours=2.0)
    assert request_of(request.model_dump(exclude_unset=True)) == request


def test_all_that_is_wrong_is_told_with_the_keys_that_there_are() -> None:
    with pytest.raises(InvalidRequest) as caught:
        request_of({"name": "No Name", "job": {"training_sheet_id": "s"}, "space": {"rank": {"low": 1, "high": 2}}})
    assert {each.pointer for each in caught.value.problems} == {"/name", "/job/model_name", "/space/rank"}
    assert caught.value.hint.startswith("Known keys of space: learning_rate, epochs, ")
