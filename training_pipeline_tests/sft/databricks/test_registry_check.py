from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from training_pipeline.databricks import program
from training_pipeline.sft.databricks import registry_check
from training_pipeline.sft.databricks.registry_check import (
    CLOUD_LIBRARIES,
    cloud_of,
    may_add,
    missing_libraries,
    release,
    require_registry,
)
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.models import Version, registry
from training_pipeline.testing.databricks_workspace.state import Workspace

NAME = "main.ml.triage"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with serve(tmp_path_factory.mktemp("workspace")) as workspace:
        yield workspace


@pytest.fixture
def workspace(served: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    registry(served).models.clear()
    registry(served).owners.clear()
    registry(served).writers.clear()
    served.faults.clear()
    monkeypatch.setenv("DATABRICKS_HOST", served.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", next(iter(served.tokens)))
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    return served


@pytest.mark.parametrize(
    ("host", "cloud"),
    [
        ("https://dbc-1.cloud.databricks.com", "aws"),
        ("https://adb-1.2.azuredatabricks.net/", "azure"),
        ("adb-1.2.databricks.azure.cn:443", "azure"),
        ("https://1.2.gcp.databricks.com", "gcp"),
        ("https://gcp.databricks.com.evil.example", "aws"),
        ("http://127.0.0.1:8080", "aws"),
    ],
)
def test_the_cloud_is_told_by_the_host(host: str, cloud: str) -> None:
    assert cloud_of(host) == cloud


@pytest.mark.parametrize("cloud", CLOUD_LIBRARIES)
def test_what_a_cloud_lacks_is_named(cloud: str) -> None:
    def load(name: str) -> object:
        if name == CLOUD_LIBRARIES[cloud][0]:
            raise ModuleNotFoundError(name)
        return object()

    assert missing_libraries(cloud, load) == [CLOUD_LIBRARIES[cloud][0]]
    assert missing_libraries(cloud, lambda _: object()) == []


def test_workers_install_what_each_cloud_needs() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["databricks"]
    installed = {line.split("==")[0] for line in program.requirements()}
    needed = {line.split(">=")[0] for line in extras}
    assert needed <= installed
    assert needed == {"boto3", "azure-storage-file-datalake", "google-cloud-storage"}


def test_a_model_that_is_not_there_is_made_and_taken_away_again(workspace: Workspace) -> None:
    assert require_registry(NAME)
    assert registry(workspace).models == {NAME: []}
    release(NAME)
    assert registry(workspace).models == {}
    release(NAME)


def test_a_model_with_a_version_stays(workspace: Workspace) -> None:
    assert require_registry(NAME)
    registry(workspace).models[NAME].append(_version())
    release(NAME)
    assert NAME in registry(workspace).models
    assert not require_registry(NAME)


def test_a_grant_that_is_missing_is_one_sentence(workspace: Workspace) -> None:
    with workspace.without("main.ml", "CREATE MODEL"), pytest.raises(TrainingFailed) as raised:
        require_registry(NAME)
    assert "grant CREATE MODEL and USE SCHEMA on main.ml and USE CATALOG on main" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_schema_that_does_not_exist_is_told(workspace: Workspace) -> None:
    registry(workspace).schemas = {"main.other"}
    try:
        with pytest.raises(TrainingFailed, match=r"there is no place.*main\.ml"):
            require_registry(NAME)
    finally:
        registry(workspace).schemas = None


def test_a_registry_that_does_not_answer_may_answer_later(workspace: Workspace) -> None:
    workspace.faults.arm("models/get", FaultKind.INTERNAL, times=None)
    with pytest.raises(TrainingFailed, match="does not let us look at") as raised:
        require_registry(NAME)
    assert not raised.value.recurs


@pytest.mark.parametrize("call", ["models/get", "models/create"])
@pytest.mark.parametrize("fault", [FaultKind.CUT_REPLY, FaultKind.HTML, FaultKind.FORBIDDEN, FaultKind.FORBIDDEN_PAGE])
@pytest.mark.filterwarnings("ignore:.*not recognized by MLflow")
def test_whatever_goes_wrong_is_one_sentence(workspace: Workspace, call: str, fault: FaultKind) -> None:
    workspace.faults.arm(call, fault)
    with pytest.raises(TrainingFailed, match=r"(look at|make) the model main\.ml\.triage") as raised:
        require_registry(NAME)
    assert "\n" not in str(raised.value)
    assert raised.value.recurs == (fault is FaultKind.FORBIDDEN)


def test_a_model_of_somebody_else_needs_a_grant(workspace: Workspace) -> None:
    registry(workspace).models[NAME] = []
    registry(workspace).owners[NAME] = "other@example.com"
    with pytest.raises(TrainingFailed, match="CREATE MODEL VERSION"):
        require_registry(NAME)
    registry(workspace).writers[NAME] = [next(iter(workspace.tokens.values()))]
    assert not require_registry(NAME)
    registry(workspace).writers[NAME] = ["data scientists"]  # a group that may hold one of ours
    assert not require_registry(NAME)


def test_who_may_add_is_certain_only_of_persons() -> None:
    principal = "0b1d2c3e-0000-4000-8000-1234567890ab"
    assert may_add({"a@x.org"}, {"a@x.org", "b@x.org"}) is True
    assert may_add({"a@x.org", "team"}, {"team"}) is True
    assert may_add({"a@x.org"}, {"b@x.org", principal}) is False
    assert may_add({"a@x.org"}, set()) is False
    assert may_add({"a@x.org"}, {"b@x.org", "a group"}) is None
    assert may_add({None}, {None, "x@y.z"}) is None


def test_a_library_that_is_missing_stops_the_run_where_the_upload_needs_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_check, "missing_libraries", lambda _: ["boto3"])
    require_registry(NAME)  # this workspace takes models by the SDK
    monkeypatch.setenv("MLFLOW_USE_DATABRICKS_SDK_MODEL_ARTIFACTS_REPO_FOR_UC", "false")
    with pytest.raises(TrainingFailed, match="lacks boto3"):
        require_registry(NAME)


def _version() -> Version:
    return Version(NAME, 1, "s", None, "", {}, "READY")
