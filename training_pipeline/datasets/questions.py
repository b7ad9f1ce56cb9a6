"""What the split looks at in the text of the included pairs: read once from the sheet, compared, and forgotten."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_pipeline.datasets.judging import held_out_questions_plan, questions_plan
from training_pipeline.datasets.snapshot import included_rows
from training_pipeline.datasets.verdicts import texts
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.refs import SnapshotRef
from training_pipeline.domain.rules.near.questions import NearPairs, SignedTexts, near_pairs, near_to, signed
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.split_report import MOST_NAMED, TextReport
from training_pipeline.domain.storable import storable
from training_pipeline.domain.usage import constraints_from_tags
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.engine import DuckDB

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of the included pairs, each of them once; no texts where nearly equal ones are not looked for."""

    #: Of every included row the number of its question, -1 where it ties nothing.
    codes: Integers
    #: For each question the number of the first row that asks it, and its text, ready to be compared.
    rows: Integers
    texts: SignedTexts
    #: Ids of the pairs whose text spells a control token of a known model family.
    control_token_ids: pa.ChunkedArray


def read_questions(
    opened: OpenSheet, policy: GatePolicy, pair_ids: pa.ChunkedArray, questions: pa.ChunkedArray
) -> Questions:
    """Read the questions of included rows from the sheet.

    `questions` are equal for rows with the same question, and null for rows whose question ties nothing. A row that is
    no longer in the sheet has none: writing the dataset finds that out.
    """
    codes = questions.combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found, first = np.unique(codes, return_index=True)
    is_first = np.zeros(len(codes), dtype=bool)
    is_first[first[found >= 0]] = policy.near_question_similarity > 0
    columns = {"number": np.arange(len(codes)), "wanted_id": pair_ids, "asks": is_first}
    wanted = ibis.memtable(pa.table(columns))
    here = DuckDB()
    with texts(opened, policy) as read, disk_errors("compare the questions"):
        said = read.inner_join(wanted, read.pair_id == wanted.wanted_id).select("number", "asks", "messages")
        with here.work_out(questions_plan(here.dialect), said) as found:
            kept = found.order_by("number").to_pyarrow()
    named = kept.filter(pc.is_valid(kept["question"]))
    controlled = kept.filter(kept["controlled"])["number"]
    return Questions(
        codes=codes.astype(np.int64),
        rows=named["number"].to_numpy(),
        texts=signed(named["question"]),
        control_token_ids=pair_ids.take(controlled),
    )


def near_rows(asked: Questions, *, similarity: float) -> NearPairs:
    """The pairs of included rows with nearly equal questions, by the numbers of the first rows that ask them. Pure."""
    near = near_pairs(asked.texts, similarity=similarity)
    return NearPairs(asked.rows[near.first], asked.rows[near.second], near.similarity)


def text_report(
    opened: OpenSheet, taken: SnapshotRef, asked: Questions, pair_ids: pa.ChunkedArray, key: HashKey | None = None
) -> TextReport:
    """Findings about the texts of the included pairs. Reads the held-out questions, where no network is between.

    Those in a warehouse stay there: text of pairs that are left out is not fetched. `key` is that of the
    snapshot's hashes.
    """
    similarity, near = taken.policy.near_question_similarity, None
    if similarity and not opened.engine.is_remote:
        near = pair_ids.filter(pa.array(_near_held_out(opened, taken, asked, similarity, key)))
    return TextReport(
        control_tokens=len(asked.control_token_ids),
        control_token_ids=_first(asked.control_token_ids),
        near_held_out=None if near is None else len(near),
        near_held_out_ids=() if near is None else _first(near),
    )


def _near_held_out(
    opened: OpenSheet, taken: SnapshotRef, asked: Questions, similarity: float, key: HashKey | None
) -> NDArray[np.bool_]:
    """Of every included row whether its question is nearly equal to a held-out one."""
    held_out = _held_out(opened, taken, key)
    if not len(held_out) or not len(asked.rows):
        return np.zeros(len(asked.codes), dtype=bool)
    found = np.unique(near_to(asked.texts, held_out, similarity=similarity).first)
    return np.isin(asked.codes, asked.codes[asked.rows[found]])


def _held_out(opened: OpenSheet, taken: SnapshotRef, key: HashKey | None) -> pa.ChunkedArray:
    """The held-out questions, those that are instructions aside. What is held out is excluded."""
    if not sum(taken.summary.excluded.values()):
        return pa.chunked_array([], pa.string())
    included = included_rows(taken, ["pair_id", "prompt_hash", "instruction"])
    instructions = pc.list_flatten(pc.split_pattern(included.filter(included["instruction"])["prompt_hash"], " "))
    passed = ibis.memtable(pa.table({"pair_id": included["pair_id"]}))
    engine = opened.engine
    plan = held_out_questions_plan(engine.dialect, constraints_from_tags(opened.sheet.tags), taken.policy)
    with (
        disk_errors("compare the questions with those held out"),
        engine.work_out(plan, opened.pairs.anti_join(passed, "pair_id")) as found,
    ):
        asked = found.to_pyarrow()
    hashes = asked["asked"]
    if key is not None:
        hashes = pa.array([None if one is None else key.of_questions(one) for one in hashes.to_pylist()], pa.string())
    ours = pc.is_in(hashes, instructions.combine_chunks())
    kept = pc.unique(asked.filter(pc.invert(ours))["question"])
    return pa.chunked_array([kept.filter(pc.fill_null(pc.not_equal(kept, ""), False)).sort()])


def _first(pair_ids: pa.ChunkedArray) -> tuple[str, ...]:
    return tuple(map(storable, pair_ids.slice(0, MOST_NAMED).to_pylist()))
