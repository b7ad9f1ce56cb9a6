from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import make_url, text

from training_pipeline.app.preflight import preflight_of
from training_pipeline.databricks.preflight import Check, State
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.databricks.backend import VOLUME
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.databricks_workspace.tables import tables

SHEETS, PAIRS = "main.training.training_sheets", "main.training.qa_pairs"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with serve(tmp_path / "workspace") as served:
        served.path(f"/Volumes/{VOLUME.replace('.', '/')}").mkdir(parents=True)
        monkeypatch.setenv("DATABRICKS_HOST", served.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", next(iter(served.tokens)))
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
        yield served


def checks(directory: Path, **values: Any) -> dict[str, Check]:
    given = {"state_dir": directory, "backend": "databricks", "databricks_volume": VOLUME, **values}
    return {check.name: check for check in preflight_of(Settings(**given))}


def test_settings_that_are_missing_come_before_the_workspace(tmp_path: Path) -> None:
    (check,) = checks(tmp_path, databricks_volume=None).values()
    assert (check.name, check.state) == ("settings", State.MISSING)
    assert "catalog.schema.volume" in check.remedy


def test_a_default_that_needs_a_permission_is_missing_its_token(tmp_path: Path) -> None:
    file = tmp_path / "models.json"
    gated = {"id": "own", "source": "meta-llama/Llama-3.2-1B", "description": "1B", "gated": True, "default": True}
    file.write_text(json.dumps([gated]))
    (check,) = checks(tmp_path, databricks_models_file=file).values()
    assert check.state is State.MISSING
    assert "TRAINING_PIPELINE_DATABRICKS_HF_TOKEN_SECRET" in check.said


def test_the_tables_are_looked_at_where_sheets_are_in_them(workspace: Workspace, tmp_path: Path) -> None:
    tables(workspace).put(PAIRS, pa.table({"x": [1]}))
    in_tables = {"uc_sheets_table": SHEETS, "uc_pairs_table": PAIRS, "databricks_warehouse_id": "wh-1"}
    without = checks(tmp_path, **in_tables)
    assert {check.state for check in without.values()} == {State.OK}
    assert "SQL warehouse" not in without
    found = checks(tmp_path, **in_tables, sheet_source="unity_catalog")
    assert (found[f"table {PAIRS}"].state, found["SQL warehouse"].state) == (State.OK, State.OK)
    assert found[f"table {SHEETS}"].state is State.MISSING
    assert f"SELECT on table {SHEETS}" in found[f"table {SHEETS}"].remedy


def test_a_database_that_is_stated_is_connected_to(workspace: Workspace, database: Database, tmp_path: Path) -> None:
    assert "database" not in checks(tmp_path)
    url, role = make_url(database.url("public")), f"lakebase_{secrets.token_hex(4)}"
    found = checks(tmp_path, database_url=url.render_as_string(hide_password=False))
    assert {check.state for check in found.values()} == {State.OK}
    command = "echo '{}'"
    broken = checks(tmp_path, database_url=url.set(password=None).render_as_string(), database_password_command=command)
    assert broken["database"].state is State.MISSING
    engine = database.engine(pooled=False)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'hunter2'"))
    try:
        told = checks(
            tmp_path, database_url=url.set(username=role, password="hunter2").render_as_string(hide_password=False)
        )
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP ROLE {role}"))
    assert (told["database"].state, told["volume"].state) == (State.MISSING, State.OK)
    assert told["database"].remedy == f'GRANT CREATE ON DATABASE "{database.name}" TO "{role}"'
    assert "hunter2" not in str(told)


def test_an_app_that_nobody_can_use_is_told(workspace: Workspace, tmp_path: Path) -> None:
    app: dict[str, Any] = {"auth": "token", "proxy_user_header": "X-Forwarded-Email", "api_trusted_proxies": "*"}
    unknown = "https://not-known-yet.databricksapps.com"
    for url in (None, unknown):
        found = checks(tmp_path, **app, api_public_url=url)
        assert (found["users"].state, found["public URL"].state) == (State.MISSING, State.MISSING)
    known = {"api_public_url": "https://training-1.databricksapps.com", "proxy_roles": {"ada@example.org": "admin"}}
    assert {check.state for check in checks(tmp_path, **app, **known).values()} == {State.OK}
    bundle = Path(__file__).parents[2] / "deploy" / "databricks" / "databricks.yml"
    assert unknown in bundle.read_text(encoding="utf-8")
