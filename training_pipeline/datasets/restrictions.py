"""The restrictions that a person can lift, and what the pairs would state without each: as pairs to be judged again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.domain.rules.text.characters import is_blank, word_of
from training_pipeline.domain.usage import STRICTNESS, DataClassification, Status, Use
from training_pipeline.sheets.kept_plans import kept
from training_pipeline.sheets.plan import Dialect, Plan, Planner

#: By what restrictions are told apart.
By = Literal["reason", "use", "tag", "label", "steward"]
#: The reasons that a person can lift at the pairs themselves.
LIFTABLE: Final = (
    *(Reason.UNLABELED, Reason.REJECTED, Reason.FLAGGED),
    *(Reason.TRAINING_NOT_ALLOWED, Reason.TRAINING_PROHIBITED),
)
#: The uses that a pair is kept from, or kept for: a question that may be evaluated or tested on is not trained on.
USES: Final = (Use.TRAINING, Use.VALIDATION, Use.EVALUATION, Use.TESTING)
#: What the pairs of a sheet state: pairs that state the same have the same verdict, each on its own.
STATED: Final = (
    *("status", "allowed_uses", "prohibited_uses", "label_allowed_uses", "label_prohibited_uses"),
    *("data_classification", "label_data_classification", "constraints_set_by"),
)
_ANYBODY: Final = "somebody"
_LISTS: Final = ("allowed_uses", "label_allowed_uses")
_PROHIBITED: Final = ("prohibited_uses", "label_prohibited_uses")

Change = Callable[[Any], dict[str, ir.Value]]


def _labeled(_: ir.Table) -> dict[str, ir.Value]:
    return {"status": ibis.literal(str(Status.LABELED))}


def _not_prohibited(pairs: ir.Table) -> dict[str, ir.Value]:
    return {name: _without(pairs[name], Use.TRAINING) for name in _PROHIBITED}


def _allowed(pairs: ir.Table) -> dict[str, ir.Value]:
    """Training is among the uses, and what is stated is complete. What is prohibited stays prohibited."""
    known = [str(one) for one in STRICTNESS]
    nobody: ir.ArrayValue = ibis.literal([], type="array<string>")
    also = ibis.literal([str(Use.TRAINING)], type="array<string>")
    return {
        "allowed_uses": _known(ibis.coalesce(pairs.allowed_uses, nobody)).concat(also),
        "label_allowed_uses": ibis.cases(
            (pairs.label_allowed_uses.notnull(), _known(pairs.label_allowed_uses).concat(also))
        ),
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


def _permitted(pairs: ir.Table) -> dict[str, ir.Value]:
    changed = _allowed(pairs)
    return {**changed, **{name: _without(changed[name], Use.TRAINING) for name in _PROHIBITED}}


def _for_validation(pairs: ir.Table) -> dict[str, ir.Value]:
    also = ibis.literal([str(Use.VALIDATION)], type="array<string>")
    allowed = {name: ibis.cases((pairs[name].notnull(), pairs[name].concat(also))) for name in _LISTS}
    return {**allowed, **{name: _without(pairs[name], Use.VALIDATION) for name in _PROHIBITED}}


def _kept_for_no(use: Use) -> Change:
    return lambda pairs: {name: _without(pairs[name], use) for name in _LISTS}


def _without_label(pairs: ir.Table) -> dict[str, ir.Value]:
    schema = pairs.schema()
    names = ("label_allowed_uses", "label_prohibited_uses", "label_data_classification")
    return {name: ibis.null(schema[name]) for name in names}


def _without(uses: Any, use: Use) -> ir.ArrayValue:
    kept: ir.ArrayValue = uses.filter(lambda one: word_of(one) != str(use))
    return kept


def _known(uses: Any) -> ir.ArrayValue:
    known: ir.ArrayValue = uses.filter(lambda use: word_of(use).isin([str(known) for known in Use]))
    return known


#: What is written in the pairs that have a restriction, so that they do not have it.
CHANGES: Final[Mapping[str, Change]] = {
    "labeled": _labeled,
    "allowed": _allowed,
    "not_prohibited": _not_prohibited,
    "permitted": _permitted,
    "validation": _for_validation,
    "evaluation": _kept_for_no(Use.EVALUATION),
    "testing": _kept_for_no(Use.TESTING),
    "no_label": _without_label,
}


#: No change at all.
UNCHANGED: Final = "unchanged"
_NOTHING: Final = {"name": None, "weight": None, "tool_calls": None, "tool_call_id": None}
#: A valid conversation: what pairs say is not judged again.
_CHAT: Final = [{"role": "user", "content": "a", **_NOTHING}, {"role": "assistant", "content": "b", **_NOTHING}]
_GROUPS: Final = ibis.schema({"number": "int64", **{name: PAIR_SCHEMA[name] for name in STATED}})


@lru_cache(maxsize=4)
@kept
def changes_plan(dialect: Dialect) -> Plan:
    """Of numbered groups of what is stated: a pair for each and each of `CHANGES`, and for none. Its id is the change,
    a line break and the number.
    """
    planner = Planner(dialect, _GROUPS)
    groups = planner.pairs
    same: dict[str, ir.Value] = {name: ibis.null(dtype) for name, dtype in PAIR_SCHEMA.items()}
    same |= {"item_ref": ibis.literal("item"), "messages": ibis.literal(_CHAT, type=PAIR_SCHEMA["messages"])}
    same |= {name: groups[name] for name in STATED}
    asked = []
    changes: dict[str, Change] = {**CHANGES, UNCHANGED: lambda _: {}}
    for change, of in changes.items():
        pair_id = ibis.literal(change + "\n") + groups.number.cast("string")
        changed = groups.select(**{**same, **of(groups), "pair_id": pair_id})
        asked.append(changed.cast(PAIR_SCHEMA).select(*PAIR_SCHEMA))
    return planner.plan(ibis.union(*asked), kept=True)


def change_of(by: By, name: str) -> str:
    """The key in `CHANGES` of what lifts a restriction; that of a tag is none of the pairs."""
    if by == "label":
        return "no_label"
    if by == "steward" or (by, name) == ("use", Use.TRAINING):
        return "permitted"
    if by == "use":
        return name
    if name == Reason.TRAINING_NOT_ALLOWED:
        return "allowed"
    return "not_prohibited" if name == Reason.TRAINING_PROHIBITED else "labeled"
