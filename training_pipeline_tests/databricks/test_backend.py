"""The backend against a workspace over HTTP: its verbs, and what goes wrong in practice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.backends.handles import Handle
from training_pipeline.backends.run_state import RunState
from training_pipeline.backends.submission import Submission
from training_pipeline.databricks.backend import DatabricksBackend
from training_pipeline.databricks.program import TASK, mark, run_name
from training_pipeline.domain.errors import BackendFailed, BackendUnreachable, NotFound
from training_pipeline.domain.job import TERMINAL, Handles, JobStatus
from training_pipeline.testing.databricks.backend import backend_of, runs_of, workspace_with_volume
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.jobs import jobs
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.databricks_workspace.run import Run
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.trainers.local_backend import submission

pytestmark = pytest.mark.slow

JOB = "tj-20261123-072145-9f3a2c"


@pytest.fixture
def workspace(tmp_path: Path, mlflow_server: MlflowServer) -> Iterator[Workspace]:
    with workspace_with_volume(tmp_path / "workspace", mlflow_server) as served:
        yield served


@pytest.fixture
def backend(workspace: Workspace) -> DatabricksBackend:
    return backend_of(workspace, http_timeout=30)


def asked(directory: Path, *, job_id: str = JOB, attempt: int = 1, name: str = "triage", **config: Any) -> Submission:
    """A submission with a dataset that exists; the name tells the stand-in what to do."""
    for file in ("train.jsonl", "validation.jsonl"):
        (directory / file).write_text('{"messages": []}\n')
    accelerator: dict[str, Any] = {"accelerator": "GPU_1xA10", "accelerator_count": 1}
    return submission(job_id, attempt=attempt, **accelerator, **config).model_copy(
        update={
            "model_name": name,
            "train_file": directory / "train.jsonl",
            "validation_file": directory / "validation.jsonl",
            "register_as": "main.ml.triage",
        }
    )


def over(backend: DatabricksBackend, *, attempt: int = 1) -> RunState:
    """The state of the run once it has ended."""
    deadline = time.monotonic() + 120
    while (state := backend.status(JOB, attempt)).status not in TERMINAL:
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


def only(workspace: Workspace) -> Run:
    (run,) = runs_of(workspace)
    return run


def test_a_run_from_submit_to_result(backend: DatabricksBackend, workspace: Workspace, tmp_path: Path) -> None:
    told = asked(tmp_path, timeout_minutes=90.0)
    handle = backend.submit(told)
    assert over(backend).status is JobStatus.SUCCEEDED
    request = only(workspace).request
    assert request["idempotency_token"] == f"{JOB}-1"
    assert request["timeout_seconds"] == 5400
    (task,) = request["tasks"]
    assert (task["max_retries"], task.get("retry_on_timeout", False)) == (0, False)
    compute = task["ai_runtime_task"]["deployments"][0]["compute"]
    assert compute == {"accelerator_type": "GPU_1xA10", "accelerator_count": 1}
    assert any(line.startswith("trl==") for line in request["environments"][0]["spec"]["dependencies"])
    assert handle.backend_run_id == str(only(workspace).run_id)
    state = backend.status(JOB, 1)
    assert state.mlflow_run_id == only(workspace).mlflow["mlflow_run_id"]
    assert state.run_url == f"{workspace.url}/?o={workspace.workspace_id}#job/runs/{handle.backend_run_id}"
    result = backend.result(JOB, 1)
    assert str(result.model_dir) == "models:/main.ml.triage/1"
    assert result.tokens == 100


def test_a_token_reaches_the_worker_and_nothing_else(workspace: Workspace, tmp_path: Path) -> None:
    workspace.secrets["ml/hf"] = token = "hf_" + "s" * 34
    backend = backend_of(workspace, options={"hf_token_secret": "ml/hf"})
    backend.submit(asked(tmp_path, name="tells"))
    assert over(backend).status is JobStatus.SUCCEEDED
    assert backend.result(JOB, 1).custom_metrics == {"hf_token_length": len(token)}
    run = only(workspace)
    assert token not in json.dumps(run.request)
    (told,) = workspace.root.glob("Workspace/**/hyperparameters.yaml")
    assert json.loads(told.read_text())["secrets"] == {"HF_TOKEN": "ml/hf"}
    assert "ml/hf" not in json.dumps(run.request), "the task itself carries no secret, by name or by value"
    for path in workspace.root.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes(), path


def test_an_attempt_is_submitted_once_whoever_asks(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    told = asked(tmp_path)
    handle = backend.submit(told)
    assert backend.submit(told) == handle
    assert backend_of(workspace).submit(told) == handle
    assert backend_of(workspace).find(JOB, 1) == handle
    assert backend.find(JOB, 2) is None
    request = jobs(workspace).runs[int(handle.backend_run_id)].request
    name, request["run_name"] = request["run_name"], "renamed"  # the list does not have it yet
    assert backend_of(workspace).submit(told) == handle, "the token alone finds it"
    request["run_name"] = name
    assert len(runs_of(workspace)) == 1
    over(backend)
    again = asked(tmp_path, attempt=2)
    assert backend.submit(again) != handle, "a new attempt is a new run"


def test_a_run_is_found_behind_many_others(backend: DatabricksBackend, workspace: Workspace, tmp_path: Path) -> None:
    handle = backend.submit(asked(tmp_path))
    mine = only(workspace)
    for _ in range(60):
        number = workspace.number()
        jobs(workspace).runs[number] = Run(number, workspace.number(), {**mine.request, "run_name": "other"}, "x")
    calls = len(workspace.calls)
    assert backend_of(workspace).find(JOB, 1) == handle
    pages = [call for call in workspace.calls[calls:] if call.name == "jobs/runs/list"]
    assert len(pages) >= 3


def test_a_new_process_asks_for_its_runs_by_their_ids(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    jobs(workspace).wait_seconds = 600
    keys = [(f"tj-20261123-072145-00000{number}", 1) for number in range(3)]
    handles = {key: stored(backend.submit(asked(tmp_path, job_id=key[0]))) for key in keys}
    later = backend_of(workspace)
    later.handles_from(lambda runs: {key: handles[key] for key in runs})
    calls = len(workspace.calls)
    assert later.statuses(keys) == {}, "so few are asked about one by one"
    assert {later.status(*key).status for key in keys} == {JobStatus.QUEUED}
    assert "jobs/runs/list" not in [call.name for call in workspace.calls[calls:]]
    assert later.find(*keys[0]) == backend.find(*keys[0])


def test_in_a_busy_workspace_few_pages_are_looked_at(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    jobs(workspace).wait_seconds = 600
    keys = [(f"tj-20261123-072145-00000{number}", 1) for number in range(6)]
    handles = {key: stored(backend.submit(asked(tmp_path, job_id=key[0]))) for key in keys}
    later = backend_of(workspace)
    later.handles_from(lambda runs: {key: handles[key] for key in runs})
    states = later.statuses(keys)
    assert {state.status for state in states.values()} == {JobStatus.QUEUED}
    assert states.keys() == set(keys)
    mine = runs_of(workspace)[0]
    for _ in range(500):
        number = workspace.number()
        jobs(workspace).runs[number] = Run(number, workspace.number(), {**mine.request, "run_name": "other"}, "x")
    calls = len(workspace.calls)
    assert later.statuses(keys) == {}
    assert [call.name for call in workspace.calls[calls:]] == ["jobs/runs/list"] * 2


@pytest.mark.parametrize("others", [0, 250, 5000])
def test_what_a_look_at_a_hundred_runs_costs_after_a_restart(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path, others: int
) -> None:
    """No call answers for many runs by their ids: it is the list of everybody's, cut short, or a call for each."""
    jobs(workspace).wait_seconds = 600
    keys = [(f"tj-20261123-072145-{number:06d}", 1) for number in range(100)]
    backend.submit(asked(tmp_path, job_id=keys[0][0]))
    mine = only(workspace)
    handles = {}
    for key in keys:
        number = workspace.number()
        request = {**mine.request, "run_name": run_name(*key), "tasks": [{"task_key": TASK, "description": mark(*key)}]}
        jobs(workspace).runs[number] = Run(number, workspace.number(), request, mine.user)
        handles[key] = Handles(backend_run_id=str(number))
    for _ in range(others):
        number = workspace.number()
        jobs(workspace).runs[number] = Run(number, workspace.number(), {**mine.request, "run_name": "other"}, "x")
    later = backend_of(workspace)
    later.handles_from(lambda runs: {key: handles[key] for key in runs})
    pages = []
    for _ in range(3):
        calls = len(workspace.calls)
        states = later.statuses(keys)
        made = [call.name for call in workspace.calls[calls:] if call.name.startswith("jobs/")]
        assert set(made) <= {"jobs/runs/list"}
        pages.append((len(made), len(states)))
    assert pages == {0: [(4, 100)] * 3, 250: [(14, 100)] * 3, 5000: [(20, 0), (0, 0), (0, 0)]}[others]
    calls = len(workspace.calls)
    assert later.status(*keys[7]).status is JobStatus.QUEUED
    assert [call.name for call in workspace.calls[calls:]][:1] == ["jobs/runs/get"], "by its id, not looked for"


@pytest.mark.parametrize("forged", ["creator", "description", "task_key"])
def test_a_run_that_only_has_our_name_is_not_ours(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path, forged: str
) -> None:
    backend.submit(asked(tmp_path))
    mine = only(workspace)
    request = json.loads(json.dumps(mine.request))
    if forged != "creator":
        request["tasks"][0][forged] = "something else"
    other = Run(mine.run_id - 1, workspace.number(), request, "eve@example.com" if forged == "creator" else mine.user)
    jobs(workspace).runs[other.run_id] = other
    found = backend_of(workspace).find(JOB, 1)
    assert found is not None
    assert found.backend_run_id == str(mine.run_id), "although the other one is older"
    del jobs(workspace).runs[mine.run_id]
    assert backend_of(workspace).find(JOB, 1) is None
    over_there = backend_of(workspace)
    over_there.handles_from(lambda runs: {(JOB, 1): stored(found)})
    with pytest.raises(NotFound):
        over_there.status(JOB, 1)


def test_a_stored_id_that_is_of_another_run_finds_nothing(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    handle = backend.submit(asked(tmp_path))
    later = backend_of(workspace)
    later.handles_from(lambda runs: {("tj-other", 1): stored(handle)})
    with pytest.raises(NotFound, match="tj-other attempt 1"):
        later.status("tj-other", 1)
    with pytest.raises(NotFound):
        later.cancel("tj-other", 1)
    assert not only(workspace).cancel_asked


def stored(handle: Handle) -> Handles:
    """The handle as it is stored with its job."""
    return Handles(backend_job_id=handle.backend_job_id, backend_run_id=handle.backend_run_id)


def test_a_training_that_fails_says_why(backend: DatabricksBackend, workspace: Workspace, tmp_path: Path) -> None:
    backend.submit(asked(tmp_path, name="fails"))
    state = over(backend)
    assert state.status is JobStatus.FAILED
    assert state.error == "Training ran out of memory: lower batch_size."
    assert state.error_details is not None
    assert "job/runs" in state.error_details["run_page_url"]
    assert (state.error_details["error_type"], state.error_details["code"]) == ("MemoryError", "out_of_memory")
    with pytest.raises(BackendFailed, match="failed"):
        backend.result(JOB, 1)


def test_a_run_of_which_neither_output_nor_curves_are_left_ends_all_the_same(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    backend.submit(asked(tmp_path, name="fails"))
    over(backend)
    for call in ("jobs/runs/get-output", "mlflow/runs/get", "mlflow/metrics/get-history"):
        workspace.faults.arm(call, FaultKind.VANISHED, times=None)
    for looker in (backend, backend_of(workspace)):
        assert looker.status(JOB, 1).error == "Training ran out of memory: lower batch_size."
        assert looker.metrics(JOB, 1, 7) == ([], 7)


def test_curves_that_were_deleted_are_no_points(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    backend.submit(asked(tmp_path))
    assert over(backend).status is JobStatus.SUCCEEDED
    gone = workspace.faults.arm("mlflow/metrics/get-history", FaultKind.VANISHED, times=None)
    assert backend.metrics(JOB, 1, 0) == ([], 0)
    assert gone.happened


def test_a_run_that_ends_well_without_a_result_has_failed(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    backend.submit(asked(tmp_path, name="silent"))
    assert over(backend).status is JobStatus.SUCCEEDED
    with pytest.raises(BackendFailed, match=r"result\.json"):
        backend.result(JOB, 1)


def test_a_cancel_is_confirmed_by_the_state(backend: DatabricksBackend, workspace: Workspace, tmp_path: Path) -> None:
    backend.submit(asked(tmp_path, name="hangs"))
    deadline = time.monotonic() + 120
    while backend.status(JOB, 1).step is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    backend.cancel(JOB, 1)
    backend.cancel(JOB, 1)
    assert over(backend).status is JobStatus.CANCELLED
    backend.cancel(JOB, 1)
    calls = [call.name for call in workspace.calls]
    assert "jobs/runs/cancel" in calls


def test_a_run_in_the_queue_is_cancelled_too(backend: DatabricksBackend, workspace: Workspace, tmp_path: Path) -> None:
    jobs(workspace).wait_seconds = 600
    backend.submit(asked(tmp_path))
    state = backend.status(JOB, 1)
    assert (state.status, state.message) == (JobStatus.QUEUED, "Waiting for GPU compute.")
    assert backend.metrics(JOB, 1, 0) == ([], 0)
    backend.cancel(JOB, 1)
    assert over(backend).status is JobStatus.CANCELLED


def test_a_run_that_takes_too_long_times_out(backend: DatabricksBackend, workspace: Workspace, tmp_path: Path) -> None:
    backend.submit(asked(tmp_path, name="hangs", timeout_minutes=0.05))
    assert over(backend).status is JobStatus.TIMEOUT


def test_curves_arrive_once_and_whole(backend: DatabricksBackend, workspace: Workspace, tmp_path: Path) -> None:
    backend.submit(asked(tmp_path, name="hangs"))
    deadline = time.monotonic() + 120
    while not (got := backend.metrics(JOB, 1, 0))[0]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    points, offset = got
    assert [(point.name, point.step) for point in points] == [
        *(("train_loss", step) for step in range(5)),
        ("val_loss", 4),
    ]
    assert (points[-1].epoch, points[0].tokens) == (1.0, 100)
    calls = len(workspace.calls)
    assert backend.metrics(JOB, 1, offset) == ([], offset)
    assert [call.name for call in workspace.calls[calls:]] == ["mlflow/runs/get"], "nothing is new: nothing is read"
    server = workspace.parts["mlflow"]
    run_id = only(workspace).mlflow["mlflow_run_id"]
    more = [{"key": "train_loss", "value": 0.5, "timestamp": 1_790_000_000_000, "step": step} for step in (4, 5)]
    server.json("POST", "runs/log-batch", body=json.dumps({"run_id": run_id, "metrics": more}).encode())
    points, later = backend.metrics(JOB, 1, offset)
    assert {(point.name, point.step) for point in points} == {("train_loss", 4), ("train_loss", 5), ("val_loss", 4)}
    assert len(points) == 3, "a point that was logged twice is one"
    backend.cancel(JOB, 1)
    over(backend)
    whole, end = backend.metrics(JOB, 1, later)
    assert len(whole) == 7
    assert backend.metrics(JOB, 1, end) == ([], end)


def test_the_states_of_many_runs_cost_a_few_calls(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    backend.submit(asked(tmp_path, name="hangs"))
    deadline = time.monotonic() + 120
    while backend.status(JOB, 1).step is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    jobs(workspace).wait_seconds = 600
    others = [f"tj-20261123-072145-00000{number}" for number in range(5)]
    for job_id in others:
        backend.submit(asked(tmp_path, job_id=job_id))
    calls = len(workspace.calls)
    keys = [(JOB, 1), *((job_id, 1) for job_id in others), ("tj-unknown", 1)]
    states = backend.statuses(keys)
    assert len(workspace.calls) - calls <= 2
    assert states[JOB, 1].status is JobStatus.RUNNING
    assert states[JOB, 1].step == 4
    assert states[JOB, 1].mlflow_run_id
    assert all(f"/runs/{backend.runs.require(key).run_id}" in (state.run_url or "") for key, state in states.items())
    assert {states[job_id, 1].status for job_id in others} == {JobStatus.QUEUED}
    assert ("tj-unknown", 1) not in states
    _, logged = backend.metrics(JOB, 1, 0)
    assert states[JOB, 1].metrics_offset == logged


def test_a_run_that_vanished_is_not_found_and_one_that_reappears_is(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    handle = backend.submit(asked(tmp_path))
    jobs(workspace).vanished.add(int(handle.backend_run_id))
    with pytest.raises(NotFound):
        backend.status(JOB, 1)
    with pytest.raises(NotFound, match=JOB):
        backend.status(JOB, 1)
    jobs(workspace).vanished.clear()
    assert over(backend).status is JobStatus.SUCCEEDED


def test_a_submission_that_databricks_refuses_says_what_it_said(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    told = asked(tmp_path)
    odd = told.config.model_copy(update={"accelerator": "GPU_8xH100", "accelerator_count": 3})
    with pytest.raises(BackendFailed, match="accelerator_count 3"):
        backend.submit(told.model_copy(update={"config": odd}))
    assert runs_of(workspace) == []


def test_a_policy_that_may_not_be_used_waits_for_the_grant(
    backend: DatabricksBackend, workspace: Workspace, tmp_path: Path
) -> None:
    workspace.faults.arm("jobs/runs/submit", FaultKind.FORBIDDEN)
    with pytest.raises(BackendUnreachable) as raised:
        backend.submit(asked(tmp_path))
    assert "usage policy" in raised.value.hint
    backend.submit(asked(tmp_path))
    assert len(runs_of(workspace)) == 1
