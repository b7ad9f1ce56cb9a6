"""A file of a version is what was registered, of the version alone, and for whom it may be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Conflict, NotFound, PipelineError, Tainted
from training_pipeline.domain.revocations import Revoked
from training_pipeline.infra.database import Database
from training_pipeline.infra.files import sha256
from training_pipeline.models.versions.download import Download
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API
from training_pipeline.testing.models.version_here import version_here, write_files
from training_pipeline.testing.soak import examples

LARGE = os.urandom(2**20 + 3)
FILES = {"model.safetensors": LARGE, "config.json": b"{}", "adapter/odd é.bin": b"few", "empty": b""}
SECRET = b"a secret"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(SECRET)
    return write_files(tmp_path / "model", FILES)


@pytest.fixture
def services(settings: Settings, database: Database, folder: Path) -> Iterator[Services]:
    with version_here(settings, database, folder) as parts:
        yield parts


def opened(services: Services, path: str) -> Download:
    return services.downloads.open("triage", "2", path, actor="ada")


def test_the_bytes_are_those_registered_and_who_took_them_is_on_record(services: Services, folder: Path) -> None:
    client = TestClient(create_app(services.settings, services), base_url="http://127.0.0.1")
    for path, content in FILES.items():
        found = opened(services, path)
        assert (b"".join(found), found.size, found.sha256) == (content, len(content), sha256(folder / path))
        answer = client.get(f"{API}/model-versions/triage/2/files/{path}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert int(answer.headers["content-length"]) == len(content)
    (version,) = services.versions.list(limit=1).versions
    told = [event for event in services.store.events(version.job_id)[0] if "downloaded" in (event.data or {})]
    assert [(event.actor, event.data) for event in reversed(told)][::2] == [
        ("ada", {"downloaded": path}) for path in FILES
    ]
    with pytest.raises(NotFound) as caught:
        opened(services, "other")
    assert "config.json" in caught.value.hint


@how(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["..", ".", "", "secret", "model", "config.json", "adapter", "/etc/passwd", "%2e%2e"])
    ).map("/".join)
    | st.text(max_size=8)
)
def test_no_path_leads_to_what_is_not_on_record(services: Services, path: str) -> None:
    if path in FILES:
        return
    with pytest.raises(NotFound):
        opened(services, path)


@pytest.mark.parametrize("odd", ["link", "link above", "pipe", "folder", "gone", "changed", "changed midway"])
def test_a_file_that_is_another_now_is_not_given(services: Services, folder: Path, odd: str) -> None:
    file = folder / "adapter/odd é.bin"
    if odd == "changed midway":
        found = opened(services, "adapter/odd é.bin")
        file.unlink()
        file.symlink_to(folder.parent / "secret")
        with pytest.raises(Conflict):
            b"".join(found)
        return
    file.unlink()
    if odd == "link":
        file.symlink_to(folder.parent / "secret")
    elif odd == "link above":
        file.parent.rmdir()
        (folder.parent / "odd é.bin").write_bytes(SECRET)
        file.parent.symlink_to(folder.parent)
    elif odd == "pipe":
        os.mkfifo(file)
    elif odd == "folder":
        file.mkdir()
    elif odd == "changed":
        file.write_bytes(b"fex")
    with pytest.raises(Conflict, match="is not what was registered"):
        b"".join(opened(services, "adapter/odd é.bin"))


def test_it_is_refused_as_an_export_is(services: Services) -> None:
    def problem() -> str | None:
        return services.downloads.problem(services.versions.subject("triage", "2"))

    assert problem() is None
    made = services.revocations.revoke(Revoked(kind="item", value="item of p-0003"), reason="r", actor="grace")
    with pytest.raises(Tainted) as caught:
        opened(services, "config.json")
    assert problem() == caught.value.message
    decide = services.decisions.decide
    decide("triage", "2", "accept_risk", reason="r", actor="grace", due=None, evidence=None)
    assert (problem(), b"".join(opened(services, "config.json"))) == (None, b"{}")
    assert made.taints
    decide("triage", "2", "withdraw", reason="r", actor="grace", due=None, evidence=None)
    with pytest.raises(PipelineError, match="withdrawn"):
        opened(services, "config.json")
