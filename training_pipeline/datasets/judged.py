"""The gates asked where the pairs are, and the text of the pairs that pass them. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ibis.expr.types as ir

from training_pipeline.datasets.judging import TEXTS, verdicts_plan
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import Use, constraints_from_tags
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet


@contextmanager
def judged(opened: OpenSheet, policy: GatePolicy, *, use: Use = Use.TRAINING) -> Iterator[ir.Table]:
    """The table of `verdicts` where the pairs are, to be counted or filtered before it is fetched.

    Our own DuckDB reads the text once, and again for pairs that ask the same as a prohibited one; a warehouse works the
    verdicts out anew for every fetch.
    """
    plan = verdicts_plan(opened.engine.dialect, constraints_from_tags(opened.sheet.tags), policy, use)
    with disk_errors("judge the pairs"), opened.engine.work_out(plan, opened.pairs) as table:
        yield table


@contextmanager
def texts(opened: OpenSheet, policy: GatePolicy, *, use: Use = Use.TRAINING) -> Iterator[ir.Table]:
    """The columns `TEXTS` in our DuckDB, and maybe others, at least of all pairs that pass both gates for this use.

    Where the pairs are elsewhere, the engine there judges them again and sends no other text.
    """
    if not opened.engine.is_remote:
        yield opened.pairs
        return
    wanted = opened.pairs.select(*TEXTS)
    with judged(opened, policy, use=use) as table:
        passed = table.filter(table.reason.isnull()).select("pair_id")
        with disk_errors("read the pairs"), opened.engine.fetch(wanted.semi_join(passed, "pair_id")) as fetched:
            yield fetched
