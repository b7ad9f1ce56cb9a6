"""The verdicts on all pairs of an open sheet, held in the engine while they are looked at. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import ibis
import ibis.expr.types as ir

from training_pipeline.datasets.staging import disk_errors
from training_pipeline.domain.gates import GatePolicy, judge_each, judge_together
from training_pipeline.domain.rendering import prompt_hash, rendered, row_hash
from training_pipeline.domain.usage import constraints_from_tags
from training_pipeline.sheets.base import OpenSheet


@contextmanager
def verdicts(opened: OpenSheet, policy: GatePolicy) -> Iterator[ir.Table]:
    """One row for every pair, without text: the columns of `judge_together`, in no order, while the context is open.

    The text is read once. Raises `Unavailable` where the engine runs out of memory and disk.
    """
    with disk_errors("judge the pairs"), ExitStack() as held:

        def keep(table: ir.Table) -> ir.Table:
            return held.enter_context(table.cache())

        judged = judge_each(opened.pairs, constraints_from_tags(opened.sheet.tags), keep=keep)
        compared = judged.reason.isnull() | judged.prohibited  # no rule compares the text of other pairs
        hashed = judged.mutate(
            row_hash=row_hash(ibis.cases((compared, rendered(judged.messages)))),
            prompt_hash=prompt_hash(judged.messages),
        ).drop("messages")
        yield judge_together(keep(hashed), policy, keep=keep)
