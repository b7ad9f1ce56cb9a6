"""The preview of the training data as JSONL: only pairs that pass both gates."""

from __future__ import annotations

import ibis.expr.types as ir

from training_pipeline.datasets.judged import judged
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.examples.tool_definitions import with_tools
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet


def preview(opened: OpenSheet, policy: GatePolicy, limit: int, *, withdrawn: Withdrawn = NOTHING) -> list[str]:
    """The first `limit` lines (no newlines) in the order of the pair ids. Writes nothing."""
    pairs = opened.pairs.select("pair_id", "messages", "tools")
    if withdrawn or opened.sheet.exclude_near_held_out:  # what is decided here alone
        with verdicts(opened, policy, withdrawn=withdrawn) as table:
            ids = _first(table, limit).to_pyarrow()["pair_id"].to_pylist()
        return _lines(opened, pairs.filter(pairs.pair_id.isin(ids))) if ids else []
    with judged(opened, policy) as table:
        return _lines(opened, pairs.semi_join(_first(table, limit), "pair_id"))


def _first(table: ir.Table, limit: int) -> ir.Table:
    return table.filter(table.reason.isnull()).select("pair_id").order_by("pair_id").limit(limit)


def _lines(opened: OpenSheet, shown: ir.Table) -> list[str]:
    with disk_errors("read the pairs"), opened.engine.fetch(shown) as pairs:
        line = with_tools(rendered(pairs.messages), pairs.tools)
        lines = pairs.select("pair_id", line=line).order_by("pair_id").to_pyarrow()
    return [str(line) for line in lines["line"].to_pylist()]
