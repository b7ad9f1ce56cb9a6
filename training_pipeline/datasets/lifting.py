"""What lifting a reason would add: the gates judge the sheet again as if the pairs with it did not have it.

So it counts what the reason alone keeps out: a pair that would be left out for another reason stays out, and one that
another pair kept out (it asks a held-out question) comes in. Nothing of the sheet is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.errors import Conflict
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.rules.text.characters import is_blank, word_of
from training_pipeline.domain.usage import STRICTNESS, DataClassification, Status, Use
from training_pipeline.sheets.base import OpenSheet

#: The reasons that a person can lift at the pairs themselves.
LIFTABLE: Final = (
    *(Reason.UNLABELED, Reason.REJECTED, Reason.FLAGGED),
    *(Reason.TRAINING_NOT_ALLOWED, Reason.TRAINING_PROHIBITED),
)
_ANYBODY: Final = "somebody"


class Lifted(BaseModel):
    """A reason, how many pairs are excluded for it, and how many more could be trained on without it."""

    model_config = ConfigDict(frozen=True)

    reason: Reason
    pairs: int
    added: int


class Lifting(BaseModel):
    """Every liftable reason that the sheet has."""

    model_config = ConfigDict(frozen=True)

    eligible: int
    reasons: tuple[Lifted, ...]


def lifting(opened: OpenSheet, policy: GatePolicy, *, withdrawn: Withdrawn = NOTHING) -> Lifting:
    """Judge the pairs, and once more for each liftable reason that there is. Reads only.

    Raises `Conflict` where the pairs are judged elsewhere.
    """
    if opened.engine.is_remote:
        raise Conflict(
            "What lifting a reason would add is counted only for training sheets in files.",
            hint="The pairs of this one are judged where its table is.",
        )
    with verdicts(opened, policy, withdrawn=withdrawn) as table:
        judged = table.select("pair_id", "reason").to_pyarrow()
    ids: dict[str | None, list[str]] = {}
    for pair_id, reason in zip(judged["pair_id"].to_pylist(), judged["reason"].to_pylist(), strict=True):
        ids.setdefault(reason, []).append(pair_id)
    eligible = len(ids.get(None, ()))
    told = []
    for reason in LIFTABLE:
        if of_it := ids.get(str(reason)):
            with (
                _without(opened, reason, of_it) as changed,
                verdicts(changed, policy, withdrawn=withdrawn) as again,
            ):
                now = int(again.filter(again.reason.isnull()).count().to_pyarrow().as_py())
            told.append(Lifted(reason=reason, pairs=len(of_it), added=now - eligible))
    return Lifting(eligible=eligible, reasons=tuple(told))


@contextmanager
def _without(opened: OpenSheet, reason: Reason, ids: list[str]) -> Iterator[OpenSheet]:
    """The sheet as it would be judged if these pairs did not have this reason."""
    here: Any = opened.pairs.get_backend()
    name = f"lifted_{uuid4().hex}"
    lifted = here.create_table(name, pa.table({"lifted_id": pa.array(ids, pa.string())}), temp=True)
    try:
        joined = opened.pairs.left_join(lifted, opened.pairs.pair_id == lifted.lifted_id)
        changes = {
            column: ibis.cases((joined.lifted_id.notnull(), value), else_=joined[column])
            for column, value in _changes(joined, reason).items()
        }
        yield replace(opened, pairs=joined.mutate(**changes).select(*opened.pairs.columns))
    finally:
        here.drop_table(name)


def _changes(pairs: ir.Table, reason: Reason) -> dict[str, ir.Value]:
    if reason in {Reason.UNLABELED, Reason.REJECTED, Reason.FLAGGED}:
        return {"status": ibis.literal(str(Status.LABELED))}
    if reason is Reason.TRAINING_PROHIBITED:
        return {name: _but_training(pairs[name]) for name in ("prohibited_uses", "label_prohibited_uses")}
    # Not allowed: it is not among the uses, or what is stated is incomplete. What is prohibited stays prohibited.
    known = [str(one) for one in STRICTNESS]
    nobody: ir.ArrayValue = ibis.literal([], type="array<string>")
    return {
        "allowed_uses": ibis.literal([str(Use.TRAINING)], type="array<string>"),
        "label_allowed_uses": ibis.null("array<string>"),
        "prohibited_uses": _known(ibis.coalesce(pairs.prohibited_uses, nobody)),
        "label_prohibited_uses": _known(pairs.label_prohibited_uses),
        "data_classification": ibis.cases(
            (word_of(pairs.data_classification).isin(known), pairs.data_classification),
            else_=str(DataClassification.INTERNAL),
        ),
        "label_data_classification": ibis.cases(
            (word_of(pairs.label_data_classification).isin(known), pairs.label_data_classification)
        ),
        "constraints_set_by": ibis.cases(
            (is_blank(pairs.constraints_set_by), _ANYBODY), else_=pairs.constraints_set_by
        ),
    }


def _but_training(uses: ir.ArrayValue) -> ir.ArrayValue:
    return uses.filter(lambda use: word_of(use) != str(Use.TRAINING))


def _known(uses: ir.ArrayValue) -> ir.ArrayValue:
    return uses.filter(lambda use: word_of(use).isin([str(known) for known in Use]))
