"""Who else may see or use what a training leaves in a workspace."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(min_length=1, max_length=255)]


class AccessEntry(BaseModel):
    """What one user, group or service principal may do with the runs and with the registered models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_name: Name | None = None
    group_name: Name | None = None
    service_principal_name: Name | None = None
    permission_level: Literal["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE"] | None = None
    model_privileges: tuple[Literal["EXECUTE", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES"], ...] = ()

    @model_validator(mode="after")
    def _is_about_somebody(self) -> AccessEntry:
        if len(self._names) != 1:
            raise ValueError("must name one of user_name, group_name and service_principal_name")
        if self.permission_level is None and not self.model_privileges:
            raise ValueError("must give permission_level (for runs), model_privileges, or both")
        return self

    @property
    def _names(self) -> list[str]:
        return [name for name in (self.user_name, self.group_name, self.service_principal_name) if name]

    @property
    def principal(self) -> str:
        """The name by which Unity Catalog knows them."""
        return self._names[0]
