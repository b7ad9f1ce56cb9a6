"""A promotion that waits, approved by a second person in a real browser, on a server of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from training_pipeline.app.container import Services
from training_pipeline.domain.access import Role
from training_pipeline.infra.database import Database
from training_pipeline.infra.files import sha256
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import StoredScores, digest_of
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.models.evaluated import stored_evaluation
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.ui import browsers
from training_pipeline.testing.ui.browsers import Serving, Visitor, alive, environment_of, serious
from training_pipeline.training_jobs.store import lineage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not browsers.is_installed(), reason="there is no Chromium on this machine"),
]
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FILES: Final = {"model.safetensors": "0" * 64}
#: The command line, where every version passes the checks that need a training that has really been.
CLEAN: Final = """
from training_pipeline.domain.model_version import Check, Outcome
from training_pipeline.models.versions.versions import ModelVersions
ModelVersions.verify = lambda *_: (Check(name="rows", outcome=Outcome.PASS, message="All of them."),)
from training_pipeline.cli.app import main
main()
"""


@pytest.fixture
def services(settings: Settings, database: Database, tmp_path: Path) -> Iterator[Services]:
    """An installation whose model `triage` has a version 1, which answers 54 of 60 questions."""
    with scripted_services(settings, database, ScriptedBackend()) as parts:
        client = parts.tracking.client  # type: ignore[attr-defined]
        client.create_registered_model("triage")
        client.create_model_version("triage", "file:///nowhere")
        job = succeeded(parts)
        lineage.set_model(parts.store, job.id, version="1", files=FILES)
        parts.store.update(job.id, {"uc_model_name": "triage", "uc_model_version": "1"})
        scores = {}
        for role, right in (("tuned", 54), ("base", 0)):
            path, found = tmp_path / f"{role}.parquet", [1.0] * right + [0.0] * (60 - right)
            pq.write_table(pa.table({"pair_id": [f"p{n}" for n in range(60)], "exact_match": found}), path)
            scores[role] = StoredScores(path=path, sha256=sha256(path), pairs=60)
        changed = {"model_version": "1", "model_digest": digest_of(FILES), "scores": scores}
        records.add(parts.store, stored_evaluation(job.id).model_copy(update=changed))
        yield parts


@pytest.fixture
def server(services: Services, tmp_path: Path, warm_python: WarmPython) -> Iterator[Serving]:
    settings = services.settings
    assert settings.database_url is not None
    known = {
        "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
        "TRAINING_PIPELINE_DATABASE_URL": settings.database_url.get_secret_value(),
        "TRAINING_PIPELINE_PROMOTION_FOUR_EYES": "true",
    }
    server = Serving(
        environment_of(known), tmp_path / "serve.log", python=warm_python, main=("-c", CLEAN), auth="token"
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


def entered(person: Visitor, services: Services, name: str, role: Role) -> Page:
    """The page of the version, seen by somebody who has logged in with a token."""
    _, text = services.tokens.create(name, role, timedelta(days=1), created_by="root")
    page = person.open("/train/models/triage/1")
    page.get_by_label("Token").fill(text)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{person.base}/train/models/triage/1")
    return alive(page)


def fits(page: Page, picture: str, folder: Path | None = None) -> None:
    """Nothing keeps anybody out, in either theme and at any width."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(100)
            assert serious(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            if folder is not None:
                page.screenshot(path=folder / f"{picture}-{width}-{theme}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_second_person_approves_what_waits(server: Serving, chromium: Browser, services: Services) -> None:
    def champion() -> str | None:
        return services.tracking.aliases("triage").get("champion")

    people = [Visitor(chromium, server.base) for _ in range(3)]
    ada = entered(people[0], services, "ada", Role.OPERATOR)
    expect(ada.get_by_role("button", name="Approve")).to_have_count(0)
    ada.get_by_label("Margins").fill("exact_match=0.05")
    ada.get_by_role("button", name="Promote").click()
    expect(ada.get_by_text("It needs the approval of a person other than ada.").first).to_be_visible()
    expect(ada.get_by_role("button", name="Approve")).to_have_count(0)
    fits(ada, "waits-for-others")
    ada.reload()
    alive(ada)
    expect(ada.get_by_role("button", name="Promote")).to_be_visible()
    expect(ada.get_by_role("button", name="Approve")).to_have_count(0)
    assert champion() is None

    viewer = entered(people[1], services, "eve", Role.VIEWER)
    expect(viewer.get_by_role("row", name=re.compile("^1 champion none 1 ship waits ada"))).to_be_visible()
    expect(viewer.get_by_role("button", name="Approve")).to_have_count(0)

    grace = entered(people[2], services, "grace", Role.OPERATOR)
    expect(grace.get_by_text("ada asks to move champion from no version to this one.")).to_be_visible()
    expect(grace.get_by_text("The gate: margins exact_match=0.05. The suite: parcels.")).to_be_visible()
    fits(grace, "to-approve")
    grace.get_by_role("button", name="Approve").click()
    expect(grace.get_by_text("champion names version 1 now.")).to_be_visible()
    expect(grace.get_by_role("button", name="Approve")).to_have_count(0)
    expect(grace.get_by_text("ada asks to move champion from no version to this one.")).to_have_count(0)
    expect(
        grace.get_by_role("row", name=re.compile("^2 champion none 1 ship yes grace .* decision 1 of ada"))
    ).to_be_visible()
    fits(grace, "approved")
    assert champion() == "1"
    for person in people:
        person.close()
