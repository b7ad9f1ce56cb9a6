"""The endpoint of a judge: only https, or this machine, and nothing secret in its address."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from training_pipeline.backends.local import supervisor_start
from training_pipeline.backends.local.supervisor_start import child_environment
from training_pipeline.domain import judge
from training_pipeline.domain.judge import JudgeEndpoint
from training_pipeline.sft.evaluation import judge as answers


def endpoint(url: str, **values: Any) -> JudgeEndpoint:
    return JudgeEndpoint(url=url, model="m", **values)


@pytest.mark.parametrize(
    "url", ["https://models.example.org/v1", "http://127.0.0.1:8080/v1", "http://localhost/v1", "http://[::1]:8/v1"]
)
def test_what_may_be_named(url: str) -> None:
    assert endpoint(f"{url}/").url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://models.example.org/v1", "must begin with https://"),
        ("http://127.0.0.1.example.org/v1", "must begin with https://"),
        ("http://10.0.0.1/v1", "must begin with https://"),
        ("http://localhost.example.org/v1", "must begin with https://"),
        ("ftp://127.0.0.1/v1", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("", "must begin with https://"),
        ("https:///v1", "must name a host"),
        ("https://me:secret@host/v1", "must not contain a user"),
        ("http://127.0.0.1@example.org/v1", "must not contain a user"),
        ("https://host/v1?key=secret", "must not contain ?"),
        ("https://host/v1#x", "must not contain ?"),
        ("https://host /v1", "must not contain ?"),
    ],
)
def test_what_may_not(url: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        endpoint(url)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


@given(st.text(max_size=3) | st.from_regex(judge.MODEL_NAME) | st.integers(100, 300).map(lambda length: "m" * length))
def test_a_model_is_called_as_its_answers_may_call_it_or_refused_at_the_field(name: str) -> None:
    if answers._NAME.fullmatch(name):
        assert JudgeEndpoint(url="https://host/v1", model=name).model == name
        return
    with pytest.raises(ValidationError) as refused:
        JudgeEndpoint(url="https://host/v1", model=name)
    assert [error["loc"] for error in refused.value.errors()] == [("model",)]


@settings(max_examples=60)
@given(st.text() | st.from_regex(r"https?://[a-z0-9.:@\[\]/?#-]{0,20}", fullmatch=True))
def test_no_address_leads_elsewhere_in_the_clear(url: str) -> None:
    try:
        made = endpoint(url)
    except ValidationError:
        return
    assert made.url.lower().startswith("https://") or made.url.lower().startswith(
        ("http://127.", "http://localhost", "http://[::1]", "http://[0:")
    )


@pytest.mark.parametrize(
    "values",
    [
        {"seconds": 0},
        {"at_once": 0},
        {"at_once": 99},
        {"max_tokens": 1},
        {"key_env": "a b"},
        {"key_env": "MLFLOW_X"},
        {"key": "x"},
    ],
)
def test_limits_and_no_key(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        endpoint("https://host/v1", **values)


def test_what_is_withheld_from_the_program_is_no_key() -> None:
    assert judge._WITHHELD == supervisor_start._NOT_INHERITED
    assert set(child_environment({"JUDGE_KEY": "k"})) >= {"JUDGE_KEY"}
