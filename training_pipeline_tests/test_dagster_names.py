"""Names of Dagster that are no part of its public API: each is listed with the version that it was tried with."""

from __future__ import annotations

import importlib
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from dagster_postgres import DagsterPostgresStorage
from pydantic import SecretStr

PACKAGE = Path(__file__).parents[1] / "training_pipeline"
#: The release of Dagster whose private names we use. With another one: look each of them up again, then change this.
TRIED_WITH = "1.13"
#: Module -> the names that we use of it, as `module:name`; a module alone is started or named in a configuration.
PRIVATE = {
    "dagster._core.definitions.run_request:InstigatorType",  # dagster exports no word for sensor or schedule
    "dagster._core.events:EngineEventData",  # the cause that Dagster wrote when it could not start a run
    "dagster._core.events:JobFailureData",
    "dagster._core.run_coordinator:QueuedRunCoordinator",  # named by dagster.yaml, as Dagster's own docs do
    "dagster._core.run_coordinator:SubmitRunContext",  # what Dagster's docs have a run coordinator of one's own take
    "dagster._core.types.loadable_target_origin:LoadableTargetOrigin",  # what Dagster's command for a code server makes
    "dagster._core.workspace.context:WorkspaceProcessContext",  # the workspace, and its part in one request
    "dagster._core.workspace.context:WorkspaceRequestContext",
    "dagster._core.workspace.load_target:WorkspaceFileTarget",
    "dagster._core.workspace.permissions:LOCATION_SCOPED_PERMISSIONS",
    "dagster._core.workspace.permissions:PermissionResult",
    "dagster._core.workspace.permissions:Permissions",
    "dagster._core.workspace.permissions:get_user_permissions",
    "dagster._core.utils:FuturesAwareThreadPoolExecutor",
    "dagster._grpc.server:DagsterApiServer",
    "dagster._grpc.server:DagsterGrpcServer",
    "dagster._utils.interrupts:capture_interrupts",
    "dagster._utils.interrupts:setup_interrupt_handlers",
    "dagster._core.scheduler.instigation:TickStatus",  # the statuses of `DagsterInstance.get_ticks`
    "dagster._daemon:sensor",  # the loop that looks for sensors that are due, and how it knows them
    "dagster._daemon.controller:create_daemon_of_type",  # what the command `dagster-daemon` runs
    "dagster._daemon.controller:daemon_controller_from_instance",
    "dagster._daemon.daemon:DagsterDaemon",
    "dagster._daemon.daemon:SensorDaemon",
    "dagster_webserver.version:__version__",
    "dagster_webserver.webserver:DagsterWebserver",  # what the command `dagster-webserver` serves
}
_IMPORT = re.compile(
    r"^\s*from (dagster\w*(?:\.\w+)*\._[\w.]+|dagster\._[\w.]+|dagster_webserver[\w.]*) import (\([^)]+\)|.+)$",
    re.MULTILINE,
)
_NAMED = re.compile(r"module: (dagster\._[\w.]+)\n\s*class: (\w+)")
_STARTED = re.compile(r"\"-m\", \"(dagster\._\w+)\"")


def _used() -> set[str]:
    used: set[str] = set()
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.yaml")]:
        text = path.read_text(encoding="utf-8")
        imported = [(module, names.strip("()").split(",")) for module, names in _IMPORT.findall(text)]
        used |= {f"{module}:{name.strip()}" for module, names in imported for name in names if name.strip()}
        used |= {f"{module}:{name}" for module, name in _NAMED.findall(text)}
        used |= set(_STARTED.findall(text))
        if "dagster._" in text.replace("from dagster._", "").replace("module: dagster._", "").replace('"dagster._', ""):
            used.add(f"something in {path.name} that this test does not see")
    return used


def test_the_list_is_what_we_use() -> None:
    assert _used() == PRIVATE


def test_they_were_tried_with_the_dagster_that_is_installed() -> None:
    assert version("dagster").startswith(f"{TRIED_WITH}.")


@pytest.mark.parametrize("name", sorted(PRIVATE))
def test_they_are_there(name: str) -> None:
    module, _, attribute = name.partition(":")
    assert hasattr(importlib.import_module(module), attribute or "__name__")


def test_the_parts_of_the_storage_have_the_engine_that_we_replace(database_url: SecretStr) -> None:
    url = database_url.get_secret_value()
    storage = DagsterPostgresStorage(postgres_url=url, should_autocreate_tables=False)
    for part in (storage._run_storage, storage._event_log_storage, storage._schedule_storage):
        assert hasattr(part, "_engine")
