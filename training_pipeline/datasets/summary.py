"""The export summary, counted by the engine that holds the verdicts."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from training_pipeline.datasets.near_held_out import ASKED
from training_pipeline.datasets.questions import read_questions
from training_pipeline.datasets.text_report import text_report, text_warnings
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.export_summary import (
    MOST_APPROVERS,
    MOST_REASONS,
    ExportSummary,
    ReasonCount,
    SheetWarning,
)
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import NOT_LABELED, NOT_PERMITTED, GatePolicy, Reason
from training_pipeline.domain.rules.text.characters import is_blank
from training_pipeline.domain.rules.turns import is_outright
from training_pipeline.domain.storable import storable
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.engine import DUCKDB_SQL, DuckDB
from training_pipeline.sheets.kept_plans import kept
from training_pipeline.sheets.plan import Plan, Planner

if TYPE_CHECKING:
    import pandas as pd

_PAIRS: Final = "pairs"
_ITEM_HELD_OUT: Final = "item_held_out"
_SEVERAL_ANSWERS: Final = "prompt_with_different_answers"
_INSTRUCTIONS: Final = "instruction_prompt"
_NOBODY: Final = "constraints_set_by_nobody"


def export_summary(opened: OpenSheet, policy: GatePolicy, *, withdrawn: Withdrawn = NOTHING) -> ExportSummary:
    """Judge all pairs and count. Writes nothing; also for sheets that may not be trained on.

    What the texts of the included pairs hold is told where no network is between.

    The verdicts are fetched first: each count of ours would have Spark plan the statement of the verdicts once more,
    which took it minutes.
    """
    with verdicts(opened, policy, withdrawn=withdrawn) as table:
        summary = summarise(table, policy)
        if opened.engine.is_remote or not summary.eligible:
            return summary
        included = table.filter(table.reason.isnull()).select(*ASKED).order_by("pair_id").to_pyarrow()
    asked = read_questions(opened, policy, *(included[name] for name in ASKED))
    texts = text_warnings(text_report(opened, policy, included, asked), tokenizer_asked=False)
    return summary.model_copy(update={"warnings": (*summary.warnings, *texts)})


@lru_cache(maxsize=4)
@kept
def counts_plan(verdicts: sch.Schema) -> Plan:
    """What `summarise` counts, for tables with the columns of `judge_together`."""
    planner = Planner(DUCKDB_SQL, verdicts)
    return planner.plan(_counts(planner.pairs))


def _counts(table: ir.Table) -> ir.Table:
    """Everything that is counted, as one table: pairs by what is said about them, and what the warnings are about."""
    included = table.reason.isnull()
    pairs = table.group_by(
        counted=ibis.literal(_PAIRS),
        reason=table.reason,
        usage_reason=ibis.cases((table.reason.isin([str(reason) for reason in NOT_PERMITTED]), table.usage_reason)),
        classification=ibis.cases((included, table.classification)),
        approver=ibis.cases((included, table.reviewed_by.fill_null(""))),
    ).agg(
        pairs=lambda group: group.count(),
        may_validate=lambda group: group.may_validate.sum().cast("int64"),
    )
    kept = table.filter(included)
    held_items = table.filter(table.held_out).select("item_ref").distinct()
    asked = kept.filter(~kept.instruction & kept.prompt_hash.notnull())
    repeated = (
        _each(asked, "prompt_hash")
        .filter(lambda each: is_outright(each.question))
        .group_by("question")
        .agg(pairs=lambda group: group.count())
    )
    warned = {
        _ITEM_HELD_OUT: kept.semi_join(held_items, "item_ref").count(),
        _SEVERAL_ANSWERS: repeated.filter(repeated.pairs > 1).count(),
        _INSTRUCTIONS: _each(table.filter(table.instructions.notnull()), "instructions").question.nunique(),
        _NOBODY: kept.filter(is_blank(kept.constraints_set_by)).count(),
    }
    nothing = {name: ibis.null("string") for name in ("reason", "usage_reason", "classification", "approver")}
    numbers = [
        count.name("pairs")
        .as_table()
        .select(counted=ibis.literal(name), **nothing, pairs="pairs", may_validate=ibis.null("int64"))
        for name, count in warned.items()
    ]
    return ibis.union(pairs, *numbers)


def _each(table: ir.Table, column: str) -> ir.Table:
    """A row for every question of a pair: its hashes stand between blanks."""
    return table.select(question=table[column].split(" ").unnest())


def summarise(table: ir.Table, policy: GatePolicy) -> ExportSummary:
    """Count the verdicts of `judge_together`. Reads only; raises `AssertionError` if the numbers do not add up."""
    with DuckDB().work_out(counts_plan(table.schema()), table) as counted:
        found = counted.to_pandas()
    counts = found[found["counted"] == _PAIRS]
    others = found[found["counted"] != _PAIRS]
    warned = dict(zip(others["counted"].tolist(), others["pairs"].tolist(), strict=True))
    total = int(counts["pairs"].sum())
    kept = counts[counts["reason"].isna()]
    left_out = counts[counts["reason"].notna()]
    by_reason = left_out.groupby("reason")["pairs"].sum()
    excluded = {reason: int(by_reason.get(str(reason), 0)) for reason in Reason}
    labeled = total - sum(excluded[reason] for reason in NOT_LABELED)
    denied = sum(excluded[reason] for reason in NOT_PERMITTED)
    eligible = int(kept["pairs"].sum())
    approvers = sorted(_counted(kept, "approver").items(), key=lambda item: (-item[1], item[0]))
    summary = ExportSummary(
        total=total,
        labeled=labeled,
        training_allowed=labeled - denied,
        training_prohibited=denied,
        eligible=eligible,
        excluded=excluded,
        reasons=_reasons(left_out),
        classifications=_counted(kept, "classification"),
        approvers=dict(approvers[:MOST_APPROVERS]),
        other_approvers=sum(count for _, count in approvers[MOST_APPROVERS:]),
        warnings=_warnings(warned, policy, kept_from_validation=eligible - int(kept["may_validate"].sum())),
    )
    summary.check()
    return summary


def _reasons(left_out: pd.DataFrame) -> tuple[ReasonCount, ...]:
    rows = left_out.groupby(["reason", "usage_reason"], dropna=False)["pairs"].sum().reset_index()
    rows = rows.sort_values(["pairs", "reason", "usage_reason"], ascending=[False, True, True]).head(MOST_REASONS)
    return tuple(
        ReasonCount(
            reason=Reason(reason),
            usage_reason=storable(usage_reason) if isinstance(usage_reason, str) else None,
            count=count,
        )
        for reason, usage_reason, count in zip(*(rows[name].tolist() for name in rows), strict=True)
    )


def _counted(kept: pd.DataFrame, column: str) -> dict[str, int]:
    found = Counter[str]()
    for name, count in kept.groupby(column)["pairs"].sum().sort_index().items():
        found[storable(str(name))] += int(count)
    return dict(found)


def _warnings(warned: dict[str, int], policy: GatePolicy, *, kept_from_validation: int) -> tuple[SheetWarning, ...]:
    beside_held_out, prompts, instructions, by_nobody = (
        warned[name] for name in (_ITEM_HELD_OUT, _SEVERAL_ANSWERS, _INSTRUCTIONS, _NOBODY)
    )
    found = [
        SheetWarning(
            code=_ITEM_HELD_OUT,
            count=beside_held_out,
            message=f"{beside_held_out:,} included pairs share their item, but not their question, with a held-out "
            "pair.",
        ),
        SheetWarning(
            code=_SEVERAL_ANSWERS,
            count=prompts,
            message=f"{prompts:,} questions have different answers among the included pairs.",
        ),
        SheetWarning(
            code="validation_not_permitted",
            count=kept_from_validation,
            message=f"{kept_from_validation:,} included pairs may not be used for validation. They and the pairs "
            "tied to them go to the training split.",
        ),
        SheetWarning(
            code=_INSTRUCTIONS,
            count=instructions,
            message=f"{instructions:,} prompts are used for more than {policy.instruction_prompt_items:,} items: they "
            "count as instructions, which tie nothing and hold nothing out.",
        ),
        SheetWarning(
            code=_NOBODY,
            count=by_nobody,
            message=f"{by_nobody:,} included pairs do not say who set their usage constraints (constraints_set_by): "
            "no one is recorded as having allowed them.",
        ),
    ]
    return tuple(warning for warning in found if warning.count)
