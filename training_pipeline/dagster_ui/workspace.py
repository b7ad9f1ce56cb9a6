"""Dagster's workspace as one caller may use it: each request has the rights of whoever sent it.

Dagster asks the context of a request, in the resolver of each mutation, whether it may go on. So no name or text in a
request decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.permissions import (
    LOCATION_SCOPED_PERMISSIONS,
    PermissionResult,
    Permissions,
    get_user_permissions,
)
from starlette.requests import HTTPConnection

from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.launched_by import tags_of

#: What operators may do beside looking. The jobs behind it check whose training job it is; everything else in Dagster
#: (ending or deleting runs, sensors, schedules, partitions, wiping) would pass over that, so it takes an admin.
OPERATORS_MAY: Final = frozenset({Permissions.LAUNCH_PIPELINE_EXECUTION, Permissions.LAUNCH_PIPELINE_REEXECUTION})


class CallerContext(WorkspaceRequestContext):
    """The workspace in one request."""

    def __init__(self, caller: Caller, **parts: Any) -> None:
        super().__init__(**parts)
        self._caller = caller

    @property
    def permissions(self) -> Mapping[str, PermissionResult]:
        """What the caller may do."""
        granted = get_user_permissions(self._read_only)
        if self._caller.may_act_as(Role.ADMIN):
            return granted
        may = OPERATORS_MAY if self._caller.may_act_as(Role.OPERATOR) else frozenset()
        return {name: result if name in may else _refused(self._caller) for name, result in granted.items()}

    def permissions_for_location(self, *, location_name: str) -> Mapping[str, PermissionResult]:  # noqa: ARG002
        """The same in every code location."""
        return {name: found for name, found in self.permissions.items() if name in LOCATION_SCOPED_PERMISSIONS}

    def get_viewer_tags(self) -> dict[str, str]:
        """The tags that say who launched a run."""
        return tags_of(self._caller)

    def get_reporting_user_tags(self) -> dict[str, str]:
        """The same for events that are reported."""
        return tags_of(self._caller)


class Workspace(WorkspaceProcessContext):
    """The workspace of the process."""

    def create_request_context(self, source: object | None = None) -> WorkspaceRequestContext:
        """The workspace for the caller that the guard found. Without a caller there is none: raises."""
        caller = getattr(source.state, "caller", None) if isinstance(source, HTTPConnection) else None
        if not isinstance(caller, Caller):
            raise PermissionError("this request has passed no check")
        return CallerContext(
            caller,
            instance=self._instance,
            current_workspace=self.get_current_workspace(),
            process_context=self,
            version=self.version,
            source=source,
            read_only=self._read_only,
        )


def _refused(caller: Caller) -> PermissionResult:
    return PermissionResult(enabled=False, disabled_reason=f"The role {caller.role} may not do this here.")
