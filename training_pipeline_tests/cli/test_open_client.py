from __future__ import annotations

import pytest

from training_pipeline.cli.open_client import open_client, open_governance, open_jobs, open_models
from training_pipeline.cli.user import user
from training_pipeline.client.governance.remote import RemoteGovernance
from training_pipeline.client.jobs.remote import RemoteJobs
from training_pipeline.client.local import LocalClient
from training_pipeline.client.models.remote import RemoteModels
from training_pipeline.client.remote import RemoteClient
from training_pipeline.domain.access import local_caller
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.settings import Settings


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
def test_a_token_that_anybody_on_the_way_can_read_is_worth_a_warning(
    url: str, token: str | None, exposed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_client(url, token) as client:
        assert isinstance(client, RemoteClient)
    told = capsys.readouterr().err
    assert told == (f"Warning: the token is sent unencrypted to {url}; use https://.\n" if exposed else "")


def test_without_an_address_the_client_is_of_this_installation(installed: Settings) -> None:
    with open_client(None, None) as client:
        assert isinstance(client, LocalClient)
        assert client.caller == local_caller(user())
        assert client.list().total == 0
    assert (installed.state_dir / "dagster").is_dir()


def test_a_subject_is_opened_alone_here_and_there(installed: Settings) -> None:
    with open_jobs(None, None) as jobs, open_models(None, None) as models, open_governance(None, None) as governance:
        found = (jobs, models, governance)
        assert jobs.list().total == models.model_versions().total == governance.revocations().total == 0
        assert not any(isinstance(one, LocalClient) for one in found)
    url = "http://127.0.0.1:8000"
    with open_jobs(url, None) as jobs, open_models(url, None) as models, open_governance(url, None) as governance:
        kinds = (RemoteJobs, RemoteModels, RemoteGovernance)
        assert tuple(type(one) for one in (jobs, models, governance)) == kinds


def test_a_token_without_a_service_is_refused_before_anything_is_opened(installed: Settings) -> None:
    with pytest.raises(InvalidRequest, match="without the URL"), open_client(None, "secret"):
        pass
    assert not installed.state_dir.exists()
