"""`deploy/databricks/databricks.yml`: what it says is what the SDK's objects and our settings know.

No Databricks command line was at hand to validate it. A bundle's resource is the request that creates it
(https://docs.databricks.com/dev-tools/bundles/resources), so the SDK knows its fields.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy" / "databricks"
VARIABLES: Final = {
    "catalog": "main",
    "schema": "ml",
    "public_url": "https://training-pipeline-1.databricksapps.com",
    "roles": '{"ada@example.org": "admin", "*@example.org": "viewer"}',
}


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "databricks.yml").read_text(encoding="utf-8"))
    return found


def resource(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = bundle["resources"][kind].values()
    assert isinstance(found, dict)
    return found


def resolved(bundle: dict[str, Any], text: str) -> str:
    """`text` as it is deployed: with variables, and what other resources are called."""

    def value(found: re.Match[str]) -> str:
        kind, *path = found[1].split(".")
        if kind == "var":
            assert path[0] in bundle["variables"]
            return VARIABLES[path[0]]
        at: Any = bundle["resources"]
        for part in path[:-1]:
            at = at[part]
        return resolved(bundle, str(at.get(path[-1], f"<{path[-1]}>")))

    return re.sub(r"\$\{([^}]+)\}", value, text)


def fields(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def test_each_resource_has_only_fields_that_its_request_has(bundle: dict[str, Any]) -> None:
    from databricks.sdk.service import apps, catalog, database

    requests = {
        "schemas": set(inspect.signature(catalog.SchemasAPI.create).parameters),
        "volumes": set(inspect.signature(catalog.VolumesAPI.create).parameters),
        "database_instances": fields(database.DatabaseInstance),
        "apps": fields(apps.App) | {"config"},
    }
    assert set(bundle["resources"]) == set(requests)
    for kind, known in requests.items():
        assert set(resource(bundle, kind)) <= known | {"grants"}, kind
    assert resource(bundle, "volumes")["volume_type"] in {kind.value for kind in catalog.VolumeType}
    for given in resource(bundle, "apps")["resources"]:
        assert apps.AppResource.from_dict(given).as_dict() == given


def test_the_app_gets_the_grants_that_the_preflight_asks_for(bundle: dict[str, Any]) -> None:
    from databricks.sdk.service import catalog

    given = {kind: resource(bundle, kind)["grants"][0] for kind in ("schemas", "volumes")}
    for grant in given.values():
        assert grant["principal"] == "${resources.apps.training_pipeline.service_principal_client_id}"
        assert set(grant["privileges"]) <= {privilege.value for privilege in catalog.Privilege}
    assert set(given["volumes"]["privileges"]) == {"READ_VOLUME", "WRITE_VOLUME"}
    assert set(given["schemas"]["privileges"]) == {"USE_SCHEMA", "CREATE_MODEL"}


def test_the_app_is_configured_by_settings_that_there_are(bundle: dict[str, Any]) -> None:
    config = resource(bundle, "apps")["config"]
    environment = {each["name"]: resolved(bundle, each["value"]) for each in config["env"]}
    names = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    assert set(environment) <= set(names)
    values: dict[str, Any] = {names[name]: value for name, value in environment.items()}
    settings = Settings(**values | {"proxy_roles": json.loads(values["proxy_roles"])})
    assert (settings.auth, settings.backend, settings.api_port) == ("token", "databricks", 8000)
    assert settings.databricks_volume == "main.ml.training"
    volume = resource(bundle, "volumes")
    created = ".".join(resolved(bundle, volume[key]) for key in ("catalog_name", "schema_name", "name"))
    assert settings.databricks_volume == created
    assert settings.database_password_command == "training-pipeline databricks database-password training-pipeline"
    assert config["command"] == ["training-pipeline", "up"]


def test_the_app_is_made_of_the_wheel_of_this_version(bundle: dict[str, Any]) -> None:
    import tomllib

    source = FOLDER / resource(bundle, "apps")["source_code_path"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"./training_pipeline-{version}-py3-none-any.whl" in (source / "requirements.txt").read_text().splitlines()


def test_every_variable_is_used_and_stated_in_the_docs(bundle: dict[str, Any]) -> None:
    text = (FOLDER / "databricks.yml").read_text(encoding="utf-8")
    guide = (ROOT / "docs" / "databricks.md").read_text(encoding="utf-8")
    for name in bundle["variables"]:
        assert f"${{var.{name}}}" in text
        assert f"`{name}`" in guide
    assert set(VARIABLES) == set(bundle["variables"])
