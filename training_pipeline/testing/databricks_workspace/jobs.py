"""`/api/2.2/jobs/runs/*`: submitted runs, and what the API says of them. The programs run in `ai_runtime.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.ai_runtime import Worker
from training_pipeline.testing.databricks_workspace.run import Run
from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace, bad_request

PAGE: Final = 20
MOST_PAGE: Final = 25
TOKEN_LENGTH: Final = 64
#: GPUs on a node, by the name of the accelerator.
PER_NODE: Final = {"GPU_1xA10": 1, "GPU_1xH100": 1, "GPU_8xH100": 8, "GPU_8xB300": 8}


@dataclass
class Jobs:
    """All runs. `wait_seconds` is how long a run waits for compute; runs in `vanished` are not known any more.

    `program` is a folder whose program runs instead of the one that was uploaded, where only the run matters.
    """

    runs: dict[int, Run] = field(default_factory=dict)
    #: What executes each run, by its id.
    workers: dict[int, Worker] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    vanished: set[int] = field(default_factory=set)
    wait_seconds: float = 0.0
    program: Path | None = None

    def close(self) -> None:
        """Kill what still runs."""
        for worker in self.workers.values():
            worker.kill()


def jobs(workspace: Workspace) -> Jobs:
    """The state of this part."""
    part = workspace.parts.setdefault("jobs", Jobs())
    assert isinstance(part, Jobs)
    return part


def routes(workspace: Workspace) -> list[Route]:
    """Submit, get, get-output, list and cancel."""
    state = jobs(workspace)

    def known(run_id: object) -> Run:
        number = int(str(run_id))
        if number in state.vanished or number not in state.runs:
            raise bad_request(f"Run {number} does not exist.")
        return state.runs[number]

    async def submit(request: Request) -> JSONResponse:
        body = await request.json()
        token = body.get("idempotency_token")
        _check(workspace, body)
        if token in state.tokens:
            return JSONResponse({"run_id": state.tokens[token]})
        run = Run(workspace.number(), workspace.number(), body, request.scope["user"])
        state.runs[run.run_id] = run
        if token:
            state.tokens[token] = run.run_id
        worker = Worker(workspace, run, wait_seconds=state.wait_seconds, program=state.program)
        state.workers[run.run_id] = worker
        worker.start()
        return JSONResponse({"run_id": run.run_id})

    async def get(request: Request) -> JSONResponse:
        return JSONResponse(_shown(known(request.query_params["run_id"]), workspace, tasks=True))

    async def get_output(request: Request) -> JSONResponse:
        number = int(request.query_params["run_id"])
        if number in state.runs and number not in state.vanished:
            raise bad_request(
                "Retrieving the output of runs with multiple tasks is not supported. Use a task's run_id."
            )
        run = next((run for run in state.runs.values() if run.task_run_id == number), None)
        if run is None or run.run_id in state.vanished:
            raise bad_request(f"Run {number} does not exist.")
        output = {"status_message": run.status_message, **run.mlflow}
        answer: dict[str, Any] = {
            "metadata": {**_shown(run, workspace, tasks=False), "run_id": number},
            "ai_runtime_task_output": {key: value for key, value in output.items() if value},
        }
        if run.error:
            answer["error"] = run.error
        return JSONResponse(answer)

    async def list_runs(request: Request) -> JSONResponse:
        query = request.query_params
        since, until = int(query.get("start_time_from") or 0), int(query.get("start_time_to") or 2**62)
        size = int(query.get("limit") or PAGE)
        if not 0 < size <= MOST_PAGE:
            raise bad_request(f"limit must be between 1 and {MOST_PAGE}.")
        found = [
            run
            for run in sorted(state.runs.values(), key=lambda run: -run.run_id)
            if run.run_id not in state.vanished
            and since <= run.start_time <= until
            and not (query.get("active_only") == "true" and run.over)
        ]
        start = int(query.get("page_token") or 0)
        expand = query.get("expand_tasks") == "true"
        page = [_shown(run, workspace, tasks=expand) for run in found[start : start + size]]
        answer: dict[str, Any] = {"runs": page, "has_more": start + size < len(found)}
        if answer["has_more"]:
            answer["next_page_token"] = str(start + size)
        return JSONResponse(answer)

    async def cancel(request: Request) -> JSONResponse:
        run = known((await request.json())["run_id"])
        if not run.over:
            run.cancel_asked = True
        return JSONResponse({})

    base = "/api/2.2/jobs/runs/"
    return [
        Route(base + "submit", submit, methods=["POST"], name="jobs/runs/submit"),
        Route(base + "get", get, methods=["GET"], name="jobs/runs/get"),
        Route(base + "get-output", get_output, methods=["GET"], name="jobs/runs/get-output"),
        Route(base + "list", list_runs, methods=["GET"], name="jobs/runs/list"),
        Route(base + "cancel", cancel, methods=["POST"], name="jobs/runs/cancel"),
    ]


def _check(workspace: Workspace, body: dict[str, Any]) -> None:
    """Refuse what the documentation says is refused."""
    token = body.get("idempotency_token") or ""
    if len(token) > TOKEN_LENGTH:
        raise bad_request(f"idempotency_token must have at most {TOKEN_LENGTH} characters, it has {len(token)}.")
    tasks = body.get("tasks") or []
    if len(tasks) != 1 or "ai_runtime_task" not in tasks[0]:
        raise bad_request("Exactly one ai_runtime_task is served here.")
    task = tasks[0]["ai_runtime_task"]
    if not task.get("experiment"):
        raise bad_request("ai_runtime_task.experiment is required.")
    if len(task.get("deployments") or []) != 1:
        raise bad_request("Exactly one deployment is currently supported.")
    if not (task.get("mlflow_experiment_directory") or "/Workspace").startswith("/Workspace"):
        raise bad_request("mlflow_experiment_directory must start with /Workspace.")
    compute = task["deployments"][0]["compute"]
    kind, count = compute.get("accelerator_type"), compute.get("accelerator_count")
    if kind not in PER_NODE:
        raise bad_request(f"Unknown accelerator_type '{kind}'.")
    if not isinstance(count, int) or count < 1 or count % PER_NODE[kind]:
        raise bad_request(f"accelerator_count {count} must be a positive multiple of {PER_NODE[kind]} for {kind}.")
    keys = {environment["environment_key"] for environment in body.get("environments") or []}
    if tasks[0].get("environment_key") not in keys:
        raise bad_request(f"The environment key '{tasks[0].get('environment_key')}' is not defined.")
    policy = body.get("budget_policy_id") or body.get("usage_policy_id")
    if policy and workspace.denied.get(policy):
        raise ApiError(403, "PERMISSION_DENIED", f"User is not authorized to use the budget policy {policy}.")


def _shown(run: Run, workspace: Workspace, *, tasks: bool) -> dict[str, Any]:
    state: dict[str, Any] = {"life_cycle_state": run.life, "state_message": run.message}
    status: dict[str, Any] = {"state": "TERMINATED" if run.over else run.life}
    if run.result:
        state |= {"result_state": run.result, "user_cancelled_or_timedout": run.result in {"CANCELED", "TIMEDOUT"}}
        status["termination_details"] = {
            "code": run.code,
            "type": "SUCCESS" if run.result == "SUCCESS" else "CLIENT_ERROR",
            "message": run.message,
        }
    shown: dict[str, Any] = {
        "run_id": run.run_id,
        "run_name": run.request.get("run_name", "Untitled"),
        "run_type": "SUBMIT_RUN",
        "creator_user_name": run.user,
        "start_time": run.start_time,
        "run_page_url": f"{workspace.url}/?o={workspace.workspace_id}#job/runs/{run.run_id}",
        "state": state,
        "status": status,
    }
    if run.end_time:
        shown["end_time"] = run.end_time
    if tasks:
        task = {key: run.task[key] for key in ("task_key", "ai_runtime_task", "description") if key in run.task}
        shown["tasks"] = [{**task, "run_id": run.task_run_id, "attempt_number": 0, "state": state, "status": status}]
    return shown
