"""What every run would work out anew, done once: imported by the process that runs are forked off.

The SQL of the gates, of the split and of the counts is the same for all sheets without tags. To compile it takes longer
than to judge a small sheet. No database, file or thread is touched, so that forking stays safe.
"""

from __future__ import annotations

import logging

from training_pipeline.datasets.judging import (
    held_out_plan,
    held_out_questions_plan,
    labels_plan,
    questions_plan,
    verdicts_plan,
)
from training_pipeline.datasets.prepare import lines_plan
from training_pipeline.datasets.snapshot import rows_plan
from training_pipeline.datasets.summary import counts_plan
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.usage import Use, constraints_from_tags
from training_pipeline.settings import Settings
from training_pipeline.sheets.engine import DUCKDB_SQL

_log = logging.getLogger(__name__)


def compile_plans(policy: GatePolicy) -> None:
    """Compile what a launch asks of a sheet in a file that has no tags. Keeps it in this process."""
    tags = constraints_from_tags([])
    judged = verdicts_plan(DUCKDB_SQL, tags, policy, Use.TRAINING)  # as `judged` asks for it
    counts_plan(judged.steps[-1].schema)
    held_out_plan(DUCKDB_SQL, tags, policy)
    held_out_questions_plan(DUCKDB_SQL, tags, policy)
    questions_plan(DUCKDB_SQL)
    labels_plan(DUCKDB_SQL)
    rows_plan(judged.steps[-1].schema, is_keyed=True, is_unique=True)
    lines_plan(is_keyed=True)


# A module is all that the process can be told to import. Whatever goes wrong, it has to live.
try:
    compile_plans(Settings().gate_policy)
except Exception:  # noqa: BLE001 - whatever it is
    _log.exception("nothing is compiled ahead: each run does it for itself")
