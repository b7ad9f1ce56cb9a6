from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.client.config import remote_service
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.settings import Settings


def test_without_an_address_the_jobs_are_here() -> None:
    assert remote_service(None, None) is None


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://train.example.org/", "https://train.example.org"),
        (" https://example.org/tp/api/v1/training/ ", "https://example.org/tp"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_an_address_is_taken_as_people_write_it(address: str, url: str) -> None:
    found = remote_service(address, None)
    assert found is not None
    assert (found.url, found.token) == (url, None)


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000",
        "ftp://x",
        "http://",
        "https://me:pw@x",
        "http://x?a=1",
        "http://x#a",
        "http://x:99999",
        "http://a b",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        remote_service(address, None)
    assert "pw" not in str(caught.value)
    assert caught.value.hint or "?" in address or "#" in address


def test_the_environment_names_the_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_URL", "https://of-the-environment")
    monkeypatch.setenv("TRAINING_PIPELINE_TOKEN", "secret\n")
    found = remote_service(None, None)
    assert found is not None
    assert found.url == "https://of-the-environment"
    assert found.token is not None
    assert found.token.get_secret_value() == "secret"
    assert "secret" not in repr(found)
    other = remote_service("https://typed", "typed")
    assert other is not None
    assert (other.url, other.token and other.token.get_secret_value()) == ("https://typed", "typed")
    assert remote_service("", None) is None
    monkeypatch.delenv("TRAINING_PIPELINE_URL")
    (tmp_path / ".env").write_text("TRAINING_PIPELINE_URL=https://of-the-file\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    of_the_file = remote_service(None, None)
    assert of_the_file is not None
    assert of_the_file.url == "https://of-the-file"


@pytest.mark.parametrize(
    ("url", "token", "exposed"),
    [
        ("http://train.example.org", "secret", True),
        ("http://10.0.0.7:8000", "secret", True),
        ("http://train.example.org", None, False),
        ("https://train.example.org", "secret", False),
        ("http://127.0.0.1:8000", "secret", False),
        ("http://[::1]:8000", "secret", False),
        ("http://localhost:8000", "secret", False),
    ],
)
def test_whether_anybody_on_the_way_can_read_the_token(url: str, token: str | None, exposed: bool) -> None:
    remote = remote_service(url, token)
    assert remote is not None
    assert remote.exposes_token is exposed


def test_a_token_without_a_service_is_a_mistake() -> None:
    with pytest.raises(InvalidRequest, match="without the URL"):
        remote_service(None, "secret")


@pytest.mark.parametrize("token", ["se cret", "secret\nX-Evil: 1", "sécret", "\x00"])
def test_what_cannot_be_a_token_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        remote_service("https://x", token)
    assert "cret" not in str(caught.value)
