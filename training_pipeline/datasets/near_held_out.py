"""Included pairs whose question nearly equals a held-out one: counted, and excluded where the sheet asks for it."""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training_pipeline.datasets.asked_texts import hashes_in, held_out_texts
from training_pipeline.datasets.judging import held_out_questions_plan
from training_pipeline.datasets.questions import Questions, read_questions
from training_pipeline.domain.errors import GateRefused
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.usage import constraints_from_tags
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.engine import DuckDB

#: What of the included pairs is looked at.
ASKED: Final = ("pair_id", "prompt_hash", "instruction")


def near_held_out(
    opened: OpenSheet, policy: GatePolicy, included: pa.Table, asked: Questions, key: HashKey | None = None
) -> NDArray[np.bool_]:
    """Of every included row whether a question of it is nearly equal to a held-out one. Reads only.

    `included` has the columns `ASKED` of all included pairs, with hashes under `key`, and `asked` what they ask. The
    held-out questions are read from the pairs, instructions aside: they must be in our DuckDB.
    """
    here = DuckDB()
    plan = held_out_questions_plan(here.dialect, constraints_from_tags(opened.sheet.tags), policy)
    with disk_errors("compare the questions with those held out"):
        asks = here.read(plan, opened.pairs, passed=included.select(["pair_id"]))["asks"]
    held_out, outright = held_out_texts(asks, hashes_in(included.filter(included["instruction"])["prompt_hash"]), key)
    if not len(held_out) or not len(asked.asked.rows):
        return np.zeros(len(asked.codes), dtype=bool)
    near = asked.asked.rows_near(held_out, outright, similarity=policy.near_question_similarity)
    return np.isin(asked.codes, asked.codes[near])


def without_near_held_out(opened: OpenSheet, policy: GatePolicy, table: ir.Table) -> ir.Table:
    """The verdicts of `judge_together` for training, with the reason `held_out_prompt` for included pairs that nearly
    ask what is held out, and for their copies, where the sheet asks for it; else the table itself.

    `table` must be in our DuckDB, with hashes without a key. Raises `GateRefused` where the pairs are judged elsewhere:
    text that is held out is not fetched, and leaving the question open would train on it.
    """
    if not opened.sheet.exclude_near_held_out:
        return table
    if opened.engine.is_remote or not policy.near_question_similarity:
        why = (
            "the text of held-out questions stays where its table is"
            if opened.engine.is_remote
            else "nearly equal questions are not looked for here"
        )
        raise GateRefused(
            f"Training sheet {opened.sheet.id!r} excludes pairs that nearly ask a held-out question, which cannot be "
            f"decided: {why}.",
            hint="Take exclude_near_held_out out of the sheet, or set TRAINING_PIPELINE_NEAR_QUESTION_SIMILARITY to "
            "0.8 or more for a sheet in files.",
        )
    included = table.filter(table.reason.isnull()).select(*ASKED).order_by("pair_id").to_pyarrow()
    asked = read_questions(opened, policy, *(included[name] for name in ASKED))
    near = included["pair_id"].filter(pa.array(near_held_out(opened, policy, included, asked)))
    if not len(near):
        return table
    named = ibis.memtable(pa.table({"near_id": near}))
    copies = table.reason == str(Reason.DUPLICATE)
    hit = table.pair_id.isin(named.near_id) | (copies & table.kept_id.isin(named.near_id).fill_null(False))
    return table.mutate(
        reason=ibis.cases((hit, str(Reason.HELD_OUT_PROMPT)), else_=table.reason),
        may_validate=table.may_validate & ~hit,
    )
