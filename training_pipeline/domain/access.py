"""Who may do what: three roles, and one rule about whose job it is. What is not allowed here is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from training_pipeline.domain.errors import Forbidden, NotYours
from training_pipeline.domain.job import Action, TrainingJob


class Role(StrEnum):
    """What a caller may do, from the least to the most."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_RANKS: Final = tuple(Role)

#: The least role that each verb takes. Viewers may ask the backend how a job is: that changes nothing about it.
LEAST: Final[Mapping[Action, Role]] = {
    Action.POLL: Role.VIEWER,
    Action.CANCEL: Role.OPERATOR,
    Action.RETRY: Role.OPERATOR,
}
#: Verbs that anybody with the role may use on anybody's job. Every other one is for the job's creator, and for admins.
ON_ANY_JOB: Final = frozenset({Action.POLL})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking; the name is the actor of whatever comes of it."""

    name: str
    role: Role
    #: The id of the token that says so; None where nobody is asked for one.
    token_id: str | None = None

    def may_act_as(self, role: Role) -> bool:
        """Whether the caller's role is `role` or above it."""
        return _RANKS.index(self.role) >= _RANKS.index(role)

    def may(self, action: Action, job: TrainingJob) -> bool:
        """Whether the caller may do this with this job, whatever its status. Pure."""
        own = action in ON_ANY_JOB or self.name == job.created_by or self.may_act_as(Role.ADMIN)
        return own and self.may_act_as(LEAST.get(action, Role.ADMIN))


def require_role(caller: Caller, role: Role) -> None:
    """Raise `Forbidden`, which says what is missing, where the caller's role is below `role`."""
    if not caller.may_act_as(role):
        raise Forbidden(
            f"This needs the role {role}; {caller.name} has {caller.role}.",
            hint="Whoever runs this service creates tokens with other roles: `training-pipeline tokens create`.",
        )


def require(caller: Caller, action: Action, job: TrainingJob) -> None:
    """Raise `Forbidden` or `NotYours`, which say what is missing, where the caller may not do this with the job."""
    require_role(caller, LEAST.get(action, Role.ADMIN))
    if not caller.may(action, job):
        raise NotYours(
            f"Training job {job.id} is {job.created_by}'s; to {action} it, {caller.name} needs the role {Role.ADMIN}.",
            hint=f"Ask {job.created_by} or an admin.",
        )


def allowed_actions(caller: Caller, job: TrainingJob) -> tuple[Action, ...]:
    """What this caller may ask of this job now: what its status allows, as far as the caller may. Pure."""
    return tuple(action for action in job.allowed_actions if caller.may(action, job))
