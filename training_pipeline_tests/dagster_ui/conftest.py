from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.dagster_ui.server import guarded
from training_pipeline.settings import Settings
from training_pipeline.testing.ui.guarded_ui import HERE, PROBE, Clients, echo
from training_pipeline.training_jobs.store.jobs import JobStore


@pytest.fixture
def tokens(store: JobStore) -> ApiTokens:
    return ApiTokens(store)


@pytest.fixture
def asking(tmp_path: Path) -> Settings:
    """Settings of an installation that asks for tokens, with its state directory."""
    (tmp_path / "state").mkdir()
    return Settings(state_dir=tmp_path / "state", auth="token")


@pytest.fixture
def clients(asking: Settings, request: pytest.FixtureRequest) -> Clients:
    """There is a database only where it is asked for tokens."""

    def client(*, read_only: bool = False, url: str = HERE, **values: object) -> TestClient:
        chosen = asking.model_copy(update={"auth": "none", **values})
        tokens: Any = request.getfixturevalue("tokens") if chosen.auth == "token" else None
        guard = guarded(echo, chosen, tokens, read_only=read_only, probe=PROBE)
        return TestClient(guard, base_url=url, follow_redirects=False)

    return client
