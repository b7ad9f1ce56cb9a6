"""The verdicts on all pairs of an open sheet, worked out where the pairs are. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ibis.expr.types as ir

from training_pipeline.datasets.judging import shown_plan, verdicts_plan
from training_pipeline.datasets.revoked import names_few, only_named, without_revoked
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import Use, constraints_from_tags
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet


@contextmanager
def verdicts(
    opened: OpenSheet, policy: GatePolicy, *, use: Use = Use.TRAINING, withdrawn: Withdrawn = NOTHING
) -> Iterator[ir.Table]:
    """One row for every pair, without text: the columns of `judge_together`, in no order, while the context is open.

    What is `withdrawn` has the reason `revoked`: that is decided here, also where an engine elsewhere judged.

    The table is in our DuckDB, wherever the pairs are. Raises `Unavailable` where an engine runs out of memory and
    disk, or does not answer.
    """
    with (
        judged(opened, policy, use=use) as table,
        disk_errors("judge the pairs"),
        opened.engine.fetch(table) as found,
        shown(opened, withdrawn) as examples,
    ):
        yield without_revoked(found, withdrawn, examples)


@contextmanager
def shown(opened: OpenSheet, withdrawn: Withdrawn) -> Iterator[ir.Table | None]:
    """What the pairs show, in our DuckDB: the columns of `shown_plan`. None where people revoked nothing.

    Reads the text of all pairs once more.
    """
    if not withdrawn.named and not withdrawn.examples:
        yield None
        return
    plan = shown_plan(opened.engine.dialect)
    with (
        disk_errors("look for revoked examples"),
        opened.engine.work_out(plan, opened.pairs) as table,
        opened.engine.fetch(table) as found,
    ):
        yield found


@contextmanager
def judged(opened: OpenSheet, policy: GatePolicy, *, use: Use = Use.TRAINING) -> Iterator[ir.Table]:
    """The table of `verdicts` where the pairs are, to be counted or filtered before it is fetched.

    Our own DuckDB reads the text once, and again for pairs that ask the same as a prohibited one; a warehouse works the
    verdicts out anew for every fetch.
    """
    plan = verdicts_plan(opened.engine.dialect, constraints_from_tags(opened.sheet.tags), policy, use)
    with disk_errors("judge the pairs"), opened.engine.work_out(plan, opened.pairs) as table:
        yield table


def named_examples(opened: OpenSheet, withdrawn: Withdrawn) -> list[dict[str, str | None]]:
    """The rows of `shown_plan` that people revoked by their names or hashes, whatever their verdict. Reads only."""
    if not withdrawn.named:
        return []
    plan = shown_plan(opened.engine.dialect)
    with disk_errors("look for revoked examples"), opened.engine.work_out(plan, opened.pairs) as table:
        few = table.filter(names_few(table, withdrawn))
        with opened.engine.fetch(few) as found:
            rows: list[dict[str, str | None]] = only_named(found, withdrawn).to_pyarrow().to_pylist()
    return rows


@contextmanager
def texts(opened: OpenSheet, policy: GatePolicy, *, use: Use = Use.TRAINING) -> Iterator[ir.Table]:
    """`pair_id`, `messages` and `tools` in our DuckDB, at least those of all pairs that pass both gates for this use.

    Where the pairs are elsewhere, the engine there judges them again and sends no other text.
    """
    wanted = opened.pairs.select("pair_id", "messages", "tools")
    if not opened.engine.is_remote:
        yield wanted
        return
    with judged(opened, policy, use=use) as table:
        passed = table.filter(table.reason.isnull()).select("pair_id")
        with disk_errors("read the pairs"), opened.engine.fetch(wanted.semi_join(passed, "pair_id")) as fetched:
            yield fetched
