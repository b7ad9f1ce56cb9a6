"""The verdicts on all pairs of an open sheet, worked out where the pairs are. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import ibis.expr.types as ir

from training_pipeline.datasets.judged import judged
from training_pipeline.datasets.judging import known_plan, shown_plan
from training_pipeline.datasets.near_held_out import without_near_held_out
from training_pipeline.datasets.revoked import names_few, only_named, questions_of, without_revoked
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import Use
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.engine import DuckDB


@contextmanager
def verdicts(
    opened: OpenSheet, policy: GatePolicy, *, use: Use = Use.TRAINING, withdrawn: Withdrawn = NOTHING
) -> Iterator[ir.Table]:
    """One row for every pair, without text: the columns of `judge_together`, in no order, while the context is open.

    What is `withdrawn` has the reason `revoked`: that is decided here, also where an engine elsewhere judged. So is
    what nearly asks a held-out question, where the sheet excludes it from training.

    The table is in our DuckDB, wherever the pairs are. Raises `Unavailable` where an engine runs out of memory and
    disk, or does not answer, and `GateRefused` as `without_near_held_out` does.
    """
    with (
        judged(opened, policy, use=use) as judgement,
        disk_errors("judge the pairs"),
        opened.engine.fetch(judgement) as found,
        shown(opened, withdrawn) as examples,
    ):
        told = without_revoked(found, withdrawn, examples)
        told = without_near_held_out(opened, policy, told) if use == Use.TRAINING else told
        # What is revoked is looked up in joins that take longer to plan than most sheets to judge: once is enough.
        with nullcontext(told) if told is found else DuckDB().worked_out(told) as table:
            yield table


@contextmanager
def shown(opened: OpenSheet, withdrawn: Withdrawn) -> Iterator[ir.Table | None]:
    """What the pairs show, in our DuckDB: the columns of `shown_plan`, and those of `known_plan` where people revoked
    questions. None where people revoked nothing.

    Reads the text of all pairs once more.
    """
    if not withdrawn.named and not withdrawn.examples:
        yield None
        return
    plan = (known_plan if questions_of(withdrawn) else shown_plan)(opened.engine.dialect)
    with (
        disk_errors("look for revoked examples"),
        opened.engine.work_out(plan, opened.pairs) as table,
        opened.engine.fetch(table) as found,
    ):
        yield found


def named_examples(opened: OpenSheet, withdrawn: Withdrawn) -> list[dict[str, str | None]]:
    """The rows of `known_plan` that people revoked by their names or hashes, whatever their verdict. Reads only."""
    if not withdrawn.named:
        return []
    plan = known_plan(opened.engine.dialect)
    with disk_errors("look for revoked examples"), opened.engine.work_out(plan, opened.pairs) as table:
        few = table.filter(names_few(table, withdrawn))
        with opened.engine.fetch(few) as found:
            rows: list[dict[str, str | None]] = only_named(found, withdrawn).to_pyarrow().to_pylist()
    return rows
