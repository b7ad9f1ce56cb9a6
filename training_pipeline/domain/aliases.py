"""Aliases of model versions: that one moved, and that one names a tainted version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

#: What is done about an alias of a tainted version: somebody is told, or it is moved to a clean version as well.
OnTaint = Literal["alert", "demote"]


class AliasMove(BaseModel):
    """That an alias names another version than when it was looked at before; null is none."""

    model_config = ConfigDict(frozen=True)

    model_name: str
    alias: str
    before: str | None
    now: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.alias} of {self.model_name} was set to version {self.now}"
        if self.now is None:
            return f"{self.alias} of {self.model_name} was taken from version {self.before}"
        return f"{self.alias} of {self.model_name} was moved from version {self.before} to {self.now}"


class TaintedAlias(BaseModel):
    """That an alias names a tainted version."""

    model_config = ConfigDict(frozen=True)

    model_name: str
    alias: str
    model_version: str
    #: The job that registered the version.
    job_id: str
    revocation_ids: tuple[str, ...]


def moves(model_name: str, before: Mapping[str, str], now: Mapping[str, str]) -> tuple[AliasMove, ...]:
    """What moved between two looks at the aliases of a model, by alias."""
    return tuple(
        AliasMove(model_name=model_name, alias=alias, before=before.get(alias), now=now.get(alias))
        for alias in sorted(before.keys() | now.keys())
        if before.get(alias) != now.get(alias)
    )
