"""Launching a run on a code server, as Dagster's daemon does."""

from __future__ import annotations

from typing import Any


def launched(workspace: Any, location: str, job_name: str) -> str:
    """The id of a new run of a job, launched. `workspace` is Dagster's request context, `location` one in it."""
    job = next(iter(workspace.get_code_location(location).get_repositories().values())).get_full_job(job_name)
    run = workspace.instance.create_run(
        job_name=job_name,
        run_id=None,
        run_config={},
        status=None,
        tags={},
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=None,
        execution_plan_snapshot=None,
        job_snapshot=job.job_snapshot,
        parent_job_snapshot=None,
        asset_selection=None,
        asset_check_selection=None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=job.get_remote_origin(),
        job_code_origin=job.get_python_origin(),
        asset_graph=None,
    )
    workspace.instance.launch_run(run.run_id, workspace)
    return str(run.run_id)
