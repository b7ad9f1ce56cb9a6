"""A revocation: rows that may no longer be trained on. And the rule of which models it taints."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.uses import DIGITS, Kind, question

#: What a person can revoke, by name or by hash: rows, and all that is made from a training sheet or a source sheet.
RevocableKind = Literal["pair", "item", "label", "row_hash", "question_hash", "sheet"]
REVOCABLE: Final[tuple[RevocableKind, ...]] = ("pair", "item", "label", "row_hash", "question_hash", "sheet")
#: What a revocation names: one thing, or rows that were found changed in their source.
RevokedKind = RevocableKind | Literal["rows"]
#: How it became known: said by a person, or seen in the source of the training sheet.
RevocationSource = Literal["by_hand", "lost_permission", "relabelled", "vanished"]
SEEN: Final[Mapping[RevocationSource, str]] = {
    "lost_permission": "lost their permission",
    "relabelled": "have another text",
    "vanished": "are gone",
}
#: What every face accepts for the id of a revocation.
ID_PATTERN: Final = r"^rv-[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$"
#: The longest reason.
LONGEST_REASON: Final = 1000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Revoked(_Part):
    """What a person revokes: in one training sheet, or in all of them."""

    kind: RevocableKind
    value: str
    #: Of an item or a label it may be a source sheet: every training sheet that was made from it.
    training_sheet_id: str | None = None


class Withdrawn(NamedTuple):
    """What may not be trained on in one training sheet, whatever the sheet says. Empty, and so false, mostly."""

    #: By name or by hash, which may be one under the sheet's key.
    named: tuple[tuple[RevocableKind, str], ...] = ()
    #: Rows: the pair, the SHA-256 of what exactly was trained on, and whether it may only not be validated on.
    rows: tuple[tuple[str, str, bool], ...] = ()
    #: The same with the hash under the sheet's key.
    keyed: tuple[tuple[str, str, bool], ...] = ()
    #: Pairs that may not be validated on, whatever their text: that cannot be told from a hash whose key is gone.
    barred: tuple[str, ...] = ()
    #: The living key of the sheet, where it has one that can be read.
    key: HashKey | None = None
    #: Hashes in normal form of examples that people revoked, as they are or under the sheet's key.
    examples: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.named or self.rows or self.keyed or self.barred or self.examples)

    @property
    def identity(self) -> tuple[str, ...]:
        """Tells it from others. Never with a secret."""
        hashed = self.keyed or self.examples or any(kind in DIGITS for kind, _ in self.named)
        said: tuple[tuple[object, ...], ...] = (self.named, self.rows, self.keyed, self.barred, self.examples)
        told = [repr(sorted(rows)) for rows in said if rows]  # type: ignore[type-var]
        return (*told, *([self.key.id] if hashed and self.key is not None else []))


NOTHING: Final = Withdrawn()


class Taint(_Part):
    """That a model learned from rows of a revocation: from so many itself, or through models that it comes from."""

    revocation_id: str
    job_id: str
    model_name: str
    #: Null for a model that is kept as an artifact.
    model_version: str | None
    train: int = 0
    validation: int = 0
    #: The jobs whose models learned from them and that this one comes from, the nearest first.
    inherited_from: tuple[str, ...] = ()


class Revocation(_Part):
    """A revocation on record. `pairs` counts the rows of one that was seen in a source; else it is 0."""

    id: str
    #: Rises in the order in which they were recorded.
    number: int
    kind: RevokedKind
    value: str
    training_sheet_id: str | None
    source: RevocationSource
    reason: str
    actor: str
    pairs: int
    created_at: datetime


class UnreadDataset(_Part):
    """A dataset of which nobody can say whether it holds what was revoked: its manifest cannot be read."""

    training_sheet_id: str
    dataset_digest: str
    why: str


class Learned(NamedTuple):
    """How many of the rows a model was trained and validated on."""

    train: int
    validation: int


class Tainted(NamedTuple):
    """What taints a model: rows of its own dataset, and models that it comes from, the nearest first."""

    own: Learned
    inherited_from: tuple[str, ...]


def tainted(direct: Mapping[str, Learned], bases: Mapping[str, Sequence[str]]) -> dict[str, Tainted]:
    """Which models learned from rows: those of `direct`, and all that come from one of them.

    `bases` names the models that each comes from, the nearest first: one of them, or all up the chain.
    """
    found: dict[str, Tainted] = {}
    for model in {**dict.fromkeys(direct), **dict.fromkeys(bases)}:
        own = direct.get(model, Learned(0, 0))
        through = tuple(one for one in _up(model, bases) if any(direct.get(one, ())))
        if any(own) or through:
            found[model] = Tainted(own, through)
    return found


def _up(model: str, bases: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """All that a model comes from, the nearest first, each once."""
    seen = {model}
    nearest = list(bases.get(model, ()))
    while nearest:
        further: list[str] = []
        for one in nearest:
            if one not in seen:
                seen.add(one)
                yield one
                further += bases.get(one, ())
        nearest = further


def revoked(keys: Mapping[Kind, str | None], *, reason: str) -> Revoked:
    """What a person asks to revoke. Raises `InvalidRequest` with every problem at once."""
    problems: list[FieldProblem] = []
    asked = None
    try:
        asked = question(keys)
    except InvalidRequest as error:
        problems += error.problems
    if asked is not None and asked.kind not in REVOCABLE:
        problems.append(FieldProblem(f"/{asked.kind}", "one_key", f"give one of {', '.join(REVOCABLE)}"))
    if asked is not None and asked.kind == "pair" and asked.training_sheet_id is None:
        problems.append(FieldProblem("/sheet", "required", "a pair is named by its id and its training sheet"))
    problems += reason_problems(reason)
    if problems or asked is None:
        raise InvalidRequest("The revocation is invalid.", problems=problems)
    return Revoked.model_validate(asked.model_dump())


def reason_problems(reason: str, *, name: str = "reason", longest: int = LONGEST_REASON) -> list[FieldProblem]:
    """What is wrong with a reason, or another text that stays on record for ever."""
    if re.search("[\\0\ud800-\udfff]", reason) or not 0 < len(reason.strip()) <= longest:
        return [FieldProblem(f"/{name}", "text", f"must have 1 to {longest:,} characters, all of them text")]
    return []


def new_revocation_id(now: datetime) -> str:
    """An id such as `rv-20261123-072145-9f3a2c`: sorts by time (UTC), never guessed twice."""
    return f"rv-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
