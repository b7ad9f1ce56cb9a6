"""What was decided about a tainted model version, and the chain of hashes by which a lost or changed decision shows."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.access import person
from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.revocations import reason_problems

DecisionKind = Literal["retrain", "withdraw", "suppress", "unlearn", "accept_risk"]
#: What each decision means.
MEANINGS: Final[Mapping[DecisionKind, str]] = {
    "retrain": "train a version without the rows, and use that one",
    "withdraw": "use the version for nothing any more",
    "suppress": "keep using it, with its answers about the rows suppressed",
    "unlearn": "have it unlearn the rows",
    "accept_risk": "keep using it as it is, and answer for that",
}
#: What the first decision has instead of a predecessor's hash.
GENESIS: Final = "0" * 64
LONGEST_EVIDENCE: Final = 2000


class Decision(BaseModel):
    """A decision on record. `hash` is over everything else, in canonical JSON, with the hash of the one before."""

    model_config = ConfigDict(frozen=True)

    number: int
    model_name: str
    model_version: str
    job_id: str
    decision: DecisionKind
    #: The revocations that taint the version at that time.
    revocation_ids: tuple[str, ...]
    reason: str
    actor: str
    due: date | None
    evidence: str | None
    #: ISO 8601, in UTC, as it is hashed.
    decided_at: str
    previous_hash: str
    hash: str


class Holding(BaseModel):
    """The decision that holds for a version now, and for which revocations."""

    model_config = ConfigDict(frozen=True)

    number: int
    decision: DecisionKind
    revocation_ids: frozenset[str]


class InForce(BaseModel):
    """What holds of the decisions about a version. Where nothing does, one may wait for a second person."""

    model_config = ConfigDict(frozen=True)

    holding: Holding | None = None
    #: Whether the last one can still be approved.
    waits: bool = False
    #: The numbers of those that nobody approved in time.
    expired: frozenset[int] = frozenset()


def in_force(newest_first: Sequence[Decision], *, approval: timedelta | None, now: datetime) -> InForce:
    """What holds of the decisions about one version: the last one.

    Where two people must decide, `approval` is the time within which another person has to decide the same, with no
    other decision in between. Then it holds, for the revocations that both named. Until then nothing holds, whatever
    was decided before; a decision that nobody approved in time is void.
    """
    if not newest_first:
        return InForce()
    last = newest_first[0]
    if approval is None:
        named = frozenset(last.revocation_ids)
        return InForce(holding=Holding(number=last.number, decision=last.decision, revocation_ids=named))
    same = list(takewhile(lambda each: each.decision == last.decision, newest_first))
    if _are_two(same, approval):
        revocations = {one for each in same for one in each.revocation_ids}
        twice = frozenset(
            one for one in revocations if _are_two([each for each in same if one in each.revocation_ids], approval)
        )
        return InForce(holding=Holding(number=last.number, decision=last.decision, revocation_ids=twice))
    expired = frozenset(one.number for one in same if _moment(one) + approval <= now)
    return InForce(waits=last.number not in expired, expired=expired)


def _are_two(decisions: Sequence[Decision], approval: timedelta) -> bool:
    """Whether two people made the decision, one within that time of the other."""
    return any(
        person(later.actor) != person(earlier.actor) and _moment(later) - _moment(earlier) <= approval
        for later, earlier in pairwise(decisions)
    )


def _moment(decision: Decision) -> datetime:
    return datetime.fromisoformat(decision.decided_at)


def hash_of(fields: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over canonical JSON (sorted keys, no blanks, UTF-8) of all fields but `hash`."""
    said = {name: value for name, value in fields.items() if name != "hash"}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def broken(
    decisions: Sequence[Decision], witnessed: Collection[tuple[int, str]], *, head: str | None = None
) -> list[str]:
    """What is wrong with the chain, in words; nothing where every decision ever made is there, unchanged.

    `decisions` are by number. `witnessed` are the numbers and hashes in the events of jobs, one for each decision ever
    made: they show what was removed at the end, also where another took its number. `head` is a hash that somebody
    noted earlier: it must still be in the chain.
    """
    events: dict[int, set[str]] = defaultdict(set)
    for number, hashed in witnessed:
        events[number].add(hashed)
    found = []
    previous, expected = GENESIS, 1
    for one in decisions:
        if one.number != expected:
            found.append(
                f"decision {expected} is missing" + (f" to {one.number - 1}" if one.number > expected + 1 else "")
            )
        elif one.previous_hash != previous:
            found.append(f"decision {one.number} does not follow on decision {one.number - 1} as it is now")
        if hash_of(one.model_dump(mode="json")) != one.hash:
            found.append(f"decision {one.number} was changed: its hash is of other content")
        told = events.pop(one.number, set())
        if not told:
            found.append(f"decision {one.number} was put in: no event records it")
        elif one.hash not in told:
            found.append(f"decision {one.number} was replaced: the event of its job names another hash")
        elif told != {one.hash}:
            found.append(f"another decision {one.number} was removed: an event records it")
        previous, expected = one.hash, one.number + 1
    found += [f"decision {number} was removed: an event records it" for number in sorted(events)]
    if head is not None and head not in {one.hash for one in decisions}:
        found.append(f"no decision has the hash {head} that was noted earlier")
    return found


def decision_problems(reason: str, due: date | None, evidence: str | None, *, today: date) -> list[FieldProblem]:
    """What is wrong with a decision that somebody makes."""
    problems = reason_problems(reason)
    if due is not None and due < today:
        problems.append(FieldProblem("/due", "past", "must not be in the past"))
    if evidence is not None:
        problems += reason_problems(evidence, name="evidence", longest=LONGEST_EVIDENCE)
    return problems
