"""Writes who launched a run into its tags, before it is queued."""

from __future__ import annotations

from dagster import DagsterInstance, DagsterRun
from dagster._core.run_coordinator import SubmitRunContext


def attribute_runs(instance: DagsterInstance) -> None:
    """From now on, tag runs that this process submits with their launcher; what the browser stated there is replaced.

    Holds for every run coordinator that an installation's `dagster.yaml` may name.
    """
    coordinator = instance.run_coordinator
    submit = coordinator.submit_run

    def submit_attributed(context: SubmitRunContext) -> DagsterRun:
        tags = context.workspace.get_viewer_tags()
        if tags:
            instance.add_run_tags(context.dagster_run.run_id, tags)
        return submit(context)

    coordinator.submit_run = submit_attributed  # type: ignore[method-assign]
