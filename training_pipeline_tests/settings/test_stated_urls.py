"""What is no URL is refused by the name of its setting, whatever is wrong with it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from training_pipeline.settings import Settings


@pytest.mark.parametrize("name", ["api_public_url", "dagster_url", "mlflow_url", "api_cors_origins"])
@pytest.mark.parametrize("url", ["http://[bad", "http://host:99999", "http://host:0", "http://host:port", "http://:80"])
def test_a_url_that_is_none_is_refused_by_its_name(name: str, url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({name: url, "auth": "token"})
    (problem,) = refused.value.errors()
    assert problem["loc"] == (name,)
    assert "expected http(s)://host" in problem["msg"]


def test_every_one_of_several_is_read() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"api_cors_origins": "https://a.example.org, http://[bad"})
    assert Settings.model_validate({"dagster_url": "http://localhost/a,b"}).dagster_url is not None
    good = "https://a.example.org, http://[::1]:8000"
    assert Settings.model_validate({"api_cors_origins": good}).api_cors_origins == good
