"""What callers may do through Dagster's own app, behind the guard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import dagster as dg
import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.dagster_ui.server import dagster_app, guarded
from training_pipeline.domain.access import Role
from training_pipeline.domain.launched_by import NAME, ROLE, launcher
from training_pipeline.settings import Settings
from training_pipeline.testing.ui.guarded_ui import HERE, log_in

DEFINITIONS = """
import dagster as dg
@dg.asset
def thing(): ...
@dg.op
def nothing(): ...
@dg.job
def work(): nothing()
defs = dg.Definitions(assets=[thing], jobs=[work])
"""
INSTANCE = "{telemetry: {enabled: false}, code_servers: {wait_for_local_processes_on_shutdown: true}}"
WORKSPACE = "load_from: [{python_file: {relative_path: definitions.py, location_name: here}}]"
SELECTOR = {"repositoryLocationName": "here", "repositoryName": "__repository__", "pipelineName": "work"}
LAUNCH = "mutation %s($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename } }"
DELETE = "mutation ($run: String!) { deletePipelineRun(runId: $run) { __typename } }"
TERMINATE = "mutation ($run: String!) { terminateRun(runId: $run) { __typename } }"
WIPE = 'mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["thing"]}}]) { __typename } }'
RELOAD = "mutation { reloadWorkspace { __typename } }"
#: The mutations of Dagster 1.13 that ask for no permission; they change nothing of ours.
ASK_NOBODY = {"logTelemetry", "setNuxSeen"}
#: Those that ask for one. A name that is not here is new: look whether it does.
LOOKED_AT = {
    "addDynamicPartition",
    "cancelPartitionBackfill",
    "deleteAppManagedComponent",
    "deleteConcurrencyLimit",
    "deleteDynamicPartitions",
    "deletePipelineRun",
    "deleteRun",
    "freeConcurrencySlots",
    "freeConcurrencySlotsForRun",
    "launchMultipleRuns",
    "launchPartitionBackfill",
    "launchPipelineExecution",
    "launchPipelineReexecution",
    "launchRun",
    "launchRunReexecution",
    "reexecutePartitionBackfill",
    "refreshComponentState",
    "reloadRepositoryLocation",
    "reloadWorkspace",
    "reportAssetCheckEvaluations",
    "reportRunlessAssetEvents",
    "resetSchedule",
    "resetSensor",
    "resumePartitionBackfill",
    "scheduleDryRun",
    "sensorDryRun",
    "setAppManagedComponent",
    "setAutoMaterializePaused",
    "setConcurrencyLimit",
    "setSensorCursor",
    "shutdownRepositoryLocation",
    "startSchedule",
    "startSensor",
    "stopRunningSchedule",
    "stopSensor",
    "terminatePipelineExecution",
    "terminateRun",
    "terminateRuns",
    "wipeAssets",
}


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dg.DagsterInstance, ASGIApp, ASGIApp]]:
    """An instance, and its full and its read-only UI without a guard."""
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "dagster.yaml").write_text(INSTANCE)
    (folder / "definitions.py").write_text(DEFINITIONS)
    workspace = folder / "workspace.yaml"
    workspace.write_text(WORKSPACE)
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(folder)))
        full = stack.enter_context(dagster_app(instance, workspace, read_only=False))
        yield instance, full, stack.enter_context(dagster_app(instance, workspace, read_only=True))


class Ui:
    def __init__(self, instance: dg.DagsterInstance, client: TestClient) -> None:
        self.instance = instance
        self.client = client

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.client.post("/graphql", json={"query": query, "variables": variables})
        data: dict[str, Any] = answer.json()["data"]
        return data

    def typename(self, query: str, **variables: Any) -> str:
        (found,) = self.ask(query, **variables).values()
        return str(found["__typename"])

    def launch(self, name: str = "", **tags: str) -> str:
        """What a launch comes to, by a mutation of this name."""
        stated = [{"key": key, "value": value} for key, value in tags.items()]
        return self.typename(LAUNCH % name, p={"selector": SELECTOR, "executionMetadata": {"tags": stated}})

    def newest(self) -> dg.DagsterRun:
        return self.instance.get_runs(limit=1)[0]


@pytest.fixture
def uis(dagster: tuple[dg.DagsterInstance, ASGIApp, ASGIApp], asking: Settings, tokens: ApiTokens) -> Any:
    instance, full, for_others = dagster

    def ui(role: Role | None, *, read_only: bool = False, name: str = "ada") -> Ui:
        """The UI of somebody with this role; of anybody where no token is asked for, if there is none."""
        settings = asking if role else asking.model_copy(update={"auth": "none"})
        app = guarded(for_others if read_only else full, settings, tokens, read_only=read_only)
        client = TestClient(app, base_url=HERE, follow_redirects=False)
        if role is not None:
            log_in(client, tokens, role, name)
        return Ui(instance, client)

    return ui


@pytest.mark.parametrize("name", ["", "PermissionsQuery", "IntrospectionQuery", "query", "mutation", "subscription"])
def test_viewers_change_nothing_whatever_they_call_it(uis: Any, name: str) -> None:
    viewer = uis(Role.VIEWER)
    before = viewer.instance.get_runs_count()
    assert viewer.launch(name) == "UnauthorizedError"
    assert viewer.instance.get_runs_count() == before
    assert viewer.ask("{ version }")["version"]


def test_a_mutation_behind_an_alias_a_fragment_or_another_operation_is_one(uis: Any) -> None:
    viewer = uis(Role.VIEWER)
    before = viewer.instance.get_runs_count()
    hidden = """query Version { version }
        fragment Launch on Mutation { version: launchRun(executionParams: $p) { __typename } }
        mutation Other($p: ExecutionParams!) { ...Launch }"""
    asked = {"query": hidden, "operationName": "Other", "variables": {"p": {"selector": SELECTOR}}}
    assert viewer.client.post("/graphql", json=asked).json()["data"] == {"version": {"__typename": "UnauthorizedError"}}
    assert viewer.client.post("/graphql?operationName=Version", json=asked).json()["data"] == {
        "version": {"__typename": "UnauthorizedError"}
    }
    assert viewer.instance.get_runs_count() == before


def test_a_websocket_takes_no_mutation(uis: Any) -> None:
    admin = uis(Role.ADMIN)
    before = admin.instance.get_runs_count()
    with admin.client.websocket_connect("ws://127.0.0.1:3000/graphql", subprotocols=["graphql-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        asked = {"query": LAUNCH % "", "variables": {"p": {"selector": SELECTOR}}}
        socket.send_json({"type": "start", "id": "1", "payload": asked})
        said = socket.receive_json()
        assert said["type"] == "error", said
    assert admin.instance.get_runs_count() == before


def test_who_launches_is_who_is_logged_in(uis: Any) -> None:
    operator = uis(Role.OPERATOR, name="grace")
    forged = {NAME: "root", ROLE: "admin", "other": "kept"}
    assert operator.launch(**forged) == "LaunchRunSuccess"
    run = operator.newest()
    caller = launcher(run.tags)
    assert caller is not None
    assert (caller.name, caller.role) == ("grace", Role.OPERATOR)
    assert run.tags["other"] == "kept"
    again = """mutation ($p: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $p) { __typename } }"""
    admin = uis(Role.ADMIN, name="ada")
    parameters = {"parentRunId": run.run_id, "strategy": "ALL_STEPS"}
    admin.instance.report_run_failed(run)
    assert admin.typename(again, p=parameters) == "LaunchRunSuccess"
    found = launcher(admin.newest().tags)
    assert found is not None
    assert (found.name, found.role) == ("ada", Role.ADMIN)


def test_operators_launch_and_admins_do_everything(uis: Any) -> None:
    operator, admin = uis(Role.OPERATOR), uis(Role.ADMIN)
    assert operator.launch() == "LaunchRunSuccess"
    run = operator.newest().run_id
    for mutation, variables in ((DELETE, {"run": run}), (TERMINATE, {"run": run}), (WIPE, {}), (RELOAD, {})):
        assert operator.typename(mutation, **variables) in {"UnauthorizedError", "TerminateRunFailure"}, mutation
        assert admin.instance.has_run(run)
    assert admin.typename(TERMINATE, run=run) == "TerminateRunSuccess"
    assert admin.typename(DELETE, run=run) == "DeletePipelineRunSuccess"
    assert not admin.instance.has_run(run)


@pytest.mark.parametrize("kind", ["materialization", "check", "observation"])
def test_only_admins_report_what_happened_elsewhere(uis: Any, kind: str) -> None:
    body = {"check_name": "c", "passed": True, "data_version": "1"}
    for role in (Role.VIEWER, Role.OPERATOR):
        answer = uis(role).client.post(f"/report_asset_{kind}/thing", json=body)
        assert (answer.status_code, answer.json()["error"]) == (401, "Not authorized to report runless asset events.")
    if kind == "materialization":
        assert uis(Role.ADMIN).client.post(f"/report_asset_{kind}/thing", json={}).status_code == 200


def test_in_the_read_only_ui_admins_change_nothing_either(uis: Any) -> None:
    for role in (Role.ADMIN, None):
        ui = uis(role, read_only=True)
        assert ui.launch() == "UnauthorizedError"
        assert ui.client.post("/report_asset_materialization/thing", json={}).status_code == 401


def test_without_authentication_nothing_changes_for_who_sits_here(uis: Any) -> None:
    ui = uis(None)
    assert ui.launch() == "LaunchRunSuccess"
    assert launcher(ui.newest().tags) is None
    assert ui.client.get("/", headers={"Accept": "text/html"}).status_code == 200


def test_what_has_passed_no_check_has_no_workspace(dagster: tuple[dg.DagsterInstance, ASGIApp, ASGIApp]) -> None:
    client = TestClient(dagster[1], base_url=HERE)
    for path in ("/", "/logs/x/y/err", "/download_debug/x"):
        with pytest.raises(PermissionError):
            client.get(path)
    with pytest.raises(PermissionError):
        client.post("/graphql", json={"query": "{ version }"})


def test_every_mutation_of_this_dagster_was_looked_at(uis: Any) -> None:
    found = uis(Role.VIEWER).ask("{ __schema { mutationType { fields { name } } } }")
    names = {field["name"] for field in found["__schema"]["mutationType"]["fields"]}
    assert names - ASK_NOBODY == LOOKED_AT
