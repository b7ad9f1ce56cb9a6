"""Who may do what: four roles, and the rule that operators may change only their own jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from training_pipeline.domain.errors import Forbidden, NotYours
from training_pipeline.domain.job import Action, TrainingJob


class Role(StrEnum):
    """What a caller may do."""

    VIEWER = "viewer"
    #: Launches jobs.
    OPERATOR = "operator"
    #: Says what may be trained on: revokes and decides, and launches nothing.
    STEWARD = "steward"
    #: Grants roles and changes anybody's jobs. Not a steward: who runs a model does not decide on its data.
    ADMIN = "admin"


#: The roles whose verbs each role may use.
_ACTS_AS: Final[Mapping[Role, frozenset[Role]]] = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.OPERATOR: frozenset({Role.VIEWER, Role.OPERATOR}),
    Role.STEWARD: frozenset({Role.VIEWER, Role.STEWARD}),
    Role.ADMIN: frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN}),
}

#: The least role that each verb takes. Viewers may ask the backend how a job is: that changes nothing about it.
LEAST: Final[Mapping[Action, Role]] = {
    Action.POLL: Role.VIEWER,
    Action.CANCEL: Role.OPERATOR,
    Action.RETRY: Role.OPERATOR,
    Action.FINISH: Role.OPERATOR,
}
#: Verbs that anybody with the role may use on anybody's job. Every other one is for the job's creator, and for admins.
ON_ANY_JOB: Final = frozenset({Action.POLL})


def person(name: str) -> str:
    """Who somebody is, by the name that their tokens have, or a proxy gives them: `Ada` and `ada` are one."""
    return name.casefold()


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller; the name is recorded as the actor of what it does."""

    name: str
    role: Role
    #: The id of the token that says so; None where nobody is asked for one.
    token_id: str | None = None
    #: Whether it is a steward beside its role, as everybody is where nobody is asked for a token.
    is_steward: bool = False

    def may_act_as(self, role: Role) -> bool:
        """Whether the caller may do what `role` may."""
        return role in _ACTS_AS[self.role] or (self.is_steward and role is Role.STEWARD)

    @property
    def may_see_text(self) -> bool:
        """Whether the caller may see the text of single pairs and of answers to them."""
        return self.may_act_as(Role.OPERATOR) or self.may_act_as(Role.STEWARD)

    def may(self, action: Action, job: TrainingJob) -> bool:
        """Whether the caller may do this with this job, whatever its status."""
        own = action in ON_ANY_JOB or self.name == job.created_by or self.may_act_as(Role.ADMIN)
        return own and self.may_act_as(LEAST.get(action, Role.ADMIN))


def local_caller(name: str) -> Caller:
    """Who works where nobody is asked for a token: whoever reaches the database may do everything."""
    return Caller(name, Role.ADMIN, is_steward=True)


def require_role(caller: Caller, role: Role) -> None:
    """Raise `Forbidden` if the caller may not do what `role` may."""
    if not caller.may_act_as(role):
        raise Forbidden(
            f"This requires the role {role}; {caller.name} has the role {caller.role}.",
            hint="Ask an administrator for a token with that role (`training-pipeline tokens create`).",
        )


def require(caller: Caller, action: Action, job: TrainingJob) -> None:
    """Raise `Forbidden` or `NotYours` if the caller may not do this with the job."""
    require_role(caller, LEAST.get(action, Role.ADMIN))
    if not caller.may(action, job):
        raise NotYours(
            f"Training job {job.id} belongs to {job.created_by}; {caller.name} needs the role {Role.ADMIN} "
            f"to {action} it.",
            hint=f"Ask {job.created_by} or an admin.",
        )


def is_own(caller: Caller, owner: str) -> bool:
    """Whether the caller is the owner, or an admin."""
    return caller.name == owner or caller.may_act_as(Role.ADMIN)


def require_own(caller: Caller, owner: str, what: str) -> None:
    """Raise `NotYours` unless the caller is the owner, or an admin."""
    if not is_own(caller, owner):
        raise NotYours(
            f"Only {owner} or somebody with the role {Role.ADMIN} may {what}.", hint=f"Ask {owner} or an admin."
        )


def allowed_actions(caller: Caller, job: TrainingJob) -> tuple[Action, ...]:
    """The actions that this caller may take on this job in its present status."""
    return tuple(action for action in job.allowed_actions if caller.may(action, job))
