"""The TypeScript client: generated from the committed document, compiled, and driven against the real app."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from training_pipeline.api.app import create_app
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.servers.served_api import served
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.driving import driver
from training_pipeline.testing.system.installation import stand_in_services
from training_pipeline_tests.api.test_openapi import OPERATIONS

ROOT = Path(__file__).parent.parent.parent
CLIENT = ROOT / "clients" / "typescript"


def sh(*command: str, **environment: str) -> str:
    """What the command prints, in the directory of the client; fails with it where the command does."""
    environment = {**os.environ, "NO_PROXY": "*", **environment}
    done = subprocess.run(
        command, cwd=CLIENT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.nightly  # the gate compares the document that the client is generated from with the routes
@pytest.mark.skipif(
    not all(map(shutil.which, ("make", "node", "npm"))), reason="the TypeScript client needs make, Node and npm"
)
def test_the_client_drives_the_life_of_a_job(settings: Settings, database: Database) -> None:
    sh("make", "-C", str(ROOT), "client")
    generated = set(re.findall(r"^export const (\w+) =", (CLIENT / "src" / "sdk.gen.ts").read_text(), re.MULTILINE))
    assert set(OPERATIONS.values()) <= generated
    with stand_in_services(settings, database, steps=20, seconds_per_step=0.05) as services:
        write_sheet(settings.sheets, "small", rows(40))
        with served(create_app(settings, services)) as app, driver(services):
            told = sh("npm", "test", "--silent", TRAINING_PIPELINE_URL=app.url, TRAINING_SHEET="small")
    assert re.search(r"\bpass 3$", told, re.MULTILINE), told


def test_the_lock_file_names_no_download_address_but_the_public_one() -> None:
    locked = json.loads((CLIENT / "package-lock.json").read_text())["packages"]
    addresses = {package["resolved"] for package in locked.values() if "resolved" in package}
    assert all(address.startswith("https://registry.npmjs.org/") for address in addresses)
    assert all("integrity" in package for name, package in locked.items() if name)


def test_generated_code_is_not_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"clients/typescript/src/", "node_modules/", "dist/"} <= set(ignored)
