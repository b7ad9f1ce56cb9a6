"""Runs the program of an `ai_runtime_task` as a worker would: its script, in a process, with what a worker sets up.

A real worker has `/Workspace` and `/Volumes` mounted. Here they are folders below the workspace's root, so the script's
folder is copied for the run, and in its `hyperparameters.yaml` every path that starts with one of them is replaced by
where it lies. The programs themselves are the very bytes that were uploaded, unless a test says otherwise.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from packaging.requirements import InvalidRequirement, Requirement

from training_pipeline.databricks.program import SECRETS_FILE, packed
from training_pipeline.testing.databricks_workspace import mlflow

if TYPE_CHECKING:
    from training_pipeline.testing.databricks_workspace.run import Run
    from training_pipeline.testing.databricks_workspace.state import Workspace

#: Folders of a workspace that a worker has mounted.
MOUNTED: Final = ("/Workspace/", "/Volumes/", "/Models/")
#: Workspaces of one process may share an MLflow: an experiment is made by one of them.
_EXPERIMENTS: Final = threading.Lock()
#: What a cancelled program gets between SIGTERM and SIGKILL.
GRACE_SECONDS: Final = 5.0


class Worker:
    """Takes one run from `PENDING` to its end, in a thread."""

    def __init__(self, workspace: Workspace, run: Run, *, wait_seconds: float, program: Path | None) -> None:
        self._workspace = workspace
        self._run = run
        self._wait_seconds = wait_seconds
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = workspace.root / ".runs" / str(run.run_id)

    def start(self) -> None:
        """Begin, and return at once."""
        threading.Thread(target=self._work, name=f"run-{self._run.run_id}", daemon=True).start()

    def kill(self) -> None:
        """End the program without ceremony."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def log(self) -> Path:
        """What the program wrote."""
        return self._directory / "log"

    def _work(self) -> None:
        run = self._run
        try:
            if not self._got_compute():
                return
            problem = _unmet(run.request)
            if problem:
                run.error = problem
                run.end("FAILED", "LIBRARY_INSTALLATION_ERROR", problem)
                return
            code = self._execute()
        except Exception as error:  # noqa: BLE001 - the platform's own fault, as a run shows it
            run.error = f"{type(error).__name__}: {error}"
            run.end("FAILED", "INTERNAL_ERROR", f"Internal error: {error}", life="INTERNAL_ERROR")
            return
        if run.cancel_asked:
            run.end("CANCELED", "USER_CANCELED", "Run cancelled.")
        elif code is None:
            run.end("TIMEDOUT", "RUN_EXECUTION_TIMEOUT", "The run ran longer than its timeout.")
        elif code:
            run.error = f"Program exited with code {code}."
            run.end("FAILED", "RUN_EXECUTION_ERROR", f"Workload failed, see run output for details: {run.error}")
        else:
            run.end("SUCCESS", "SUCCESS")

    def _got_compute(self) -> bool:
        """Wait for compute as long as there is none; false where the run was cancelled meanwhile."""
        until = time.monotonic() + self._wait_seconds
        while time.monotonic() < until and not self._run.cancel_asked:
            time.sleep(0.02)
        if self._run.cancel_asked:
            self._run.end("CANCELED", "USER_CANCELED", "Run cancelled.")
        return not self._run.cancel_asked

    def _execute(self) -> int | None:
        """Run the script; its exit code, null where it took too long."""
        run, workspace = self._run, self._workspace
        script = run.task["ai_runtime_task"]["deployments"][0]["command_path"]
        source = workspace.path(script if script.startswith("/Workspace") else f"/Workspace{script}")
        shutil.copytree(source.parent, self._directory / "code")
        if self._program is not None:
            (self._directory / "code" / "program.zip").write_bytes(packed(self._program))
        hyperparameters = self._directory / "code" / "hyperparameters.yaml"
        if hyperparameters.exists():
            values = yaml.safe_load(hyperparameters.read_text())
            hyperparameters.write_text(json.dumps(_mapped(values, workspace.root)))
        run.mlflow = self._mlflow_run()
        run.status_message = ""
        run.life = "RUNNING"
        until = time.monotonic() + (run.request.get("timeout_seconds") or 1e9)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", str(self._directory / "code" / source.name)],
                cwd=self._directory,
                env=self._environment(hyperparameters) | self._secrets(hyperparameters.with_name(SECRETS_FILE)),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        code = self._followed(until)
        status = "KILLED" if run.cancel_asked else "FINISHED" if code == 0 else "FAILED"
        self._mlflow("POST", "runs/update", {"run_id": run.mlflow["mlflow_run_id"], "status": status})
        return code

    def _followed(self, until: float) -> int | None:
        assert self._process is not None
        asked_at: float | None = None
        timed_out = False
        while self._process.poll() is None:
            now = time.monotonic()
            if asked_at is None and (self._run.cancel_asked or now > until):
                timed_out, asked_at = not self._run.cancel_asked, now
                self._run.life = "TERMINATING"
                os.killpg(self._process.pid, signal.SIGTERM)
            elif asked_at is not None and now - asked_at > GRACE_SECONDS:
                self.kill()
            time.sleep(0.01)
        return None if timed_out else self._process.returncode

    def _environment(self, hyperparameters: Path) -> dict[str, str]:
        """What a worker's program finds set, and the credentials that a run has as a matter of course."""
        workspace = self._workspace
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "HOME": str(self._directory),
            "TMPDIR": str(self._directory),
            "DATABRICKS_HOST": workspace.url,
            "DATABRICKS_TOKEN": workspace.worker_token,
            "DATABRICKS_CONFIG_FILE": "/nonexistent",
            "MLFLOW_TRACKING_URI": "databricks",
            "MLFLOW_RUN_ID": self._run.mlflow["mlflow_run_id"],
            "HYPERPARAMETERS_PATH": str(hyperparameters),
            "NUM_NODES": "1",
            "NODE_RANK": "0",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": "29500",
            "LOCAL_WORLD_SIZE": "1",
        }

    def _secrets(self, staged: Path) -> dict[str, str]:
        """The variables that `staged` names secrets for, with their values; fails for a secret that is not there."""
        entries = json.loads(staged.read_text()) if staged.exists() else []
        known = self._workspace.secrets
        return {each["name"]: known[f"{each['secret_scope']}/{each['secret_key']}"] for each in entries}

    def _mlflow_run(self) -> dict[str, str]:
        """The experiment, made where it does not exist, and a new run in it."""
        task = self._run.task["ai_runtime_task"]
        directory = task.get("mlflow_experiment_directory") or f"/Users/{self._run.user}"
        name = f"{directory}/{task['experiment']}"
        with _EXPERIMENTS:
            answer = mlflow.server(self._workspace).ask(
                "GET", "experiments/get-by-name", query=f"experiment_name={name}"
            )
            if answer.status_code == 200:
                experiment = answer.json()["experiment"]["experiment_id"]
            else:
                experiment = self._mlflow("POST", "experiments/create", {"name": name})["experiment_id"]
        asked = {
            "experiment_id": experiment,
            "run_name": task.get("mlflow_run") or f"run-{self._run.run_id}",
            "start_time": int(time.time() * 1000),
            "tags": [{"key": "mlflow.user", "value": self._run.user}],
        }
        run = self._mlflow("POST", "runs/create", asked)["run"]["info"]
        return {"mlflow_experiment_id": run["experiment_id"], "mlflow_run_id": run["run_id"]}

    def _mlflow(self, method: str, path: str, body: dict[str, Any]) -> Any:
        return mlflow.server(self._workspace).json(method, path, body=json.dumps(body).encode())


def _mapped(value: Any, root: Path) -> Any:
    """`value` with every mounted path in it as a path on this machine."""
    if isinstance(value, dict):
        return {key: _mapped(item, root) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, root) for item in value]
    if isinstance(value, str) and value.startswith(MOUNTED):
        return f"{root}{value}"
    return value


def _unmet(request: dict[str, Any]) -> str | None:
    """What is wrong with the lines that a worker would have pip install."""
    for environment in request.get("environments") or []:
        for line in environment["spec"].get("dependencies") or []:
            try:
                Requirement(line)
            except InvalidRequirement as error:
                return f"Installing the environment failed: {line!r} is no requirement: {error}"
    return None
