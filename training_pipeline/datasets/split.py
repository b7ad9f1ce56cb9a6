"""The split of a snapshot's included pairs: what ties them, what was done with them before, and the plan."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_pipeline.datasets.asked_texts import hashes_in, held_out_texts
from training_pipeline.datasets.comparable_hashes import Space, under
from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.predecessor import COLUMNS, Hashed, Known, Predecessor, kept_sides, sides_before
from training_pipeline.datasets.prepare import required_key
from training_pipeline.datasets.questions import Questions, read_questions
from training_pipeline.datasets.snapshot import included_rows
from training_pipeline.datasets.text_report import text_report
from training_pipeline.datasets.trained_questions import trained_texts
from training_pipeline.domain.errors import GateRefused, SheetChanged
from training_pipeline.domain.hash_key import NO_KEYS, HashKey, HashKeys
from training_pipeline.domain.refs import SnapshotRef
from training_pipeline.domain.rules.examples.rendering import rendered, row_hash
from training_pipeline.domain.rules.examples.tool_definitions import with_tools
from training_pipeline.domain.rules.near.ties import tie_nearly
from training_pipeline.domain.rules.split import SplitPlan, least_of, plan_split, tie
from training_pipeline.domain.rules.turns import LATER
from training_pipeline.domain.split_report import NearReport
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet


def split_snapshot(
    opened: OpenSheet,
    taken: SnapshotRef,
    *,
    ratio: float,
    seed: str,
    min_pairs: int,
    predecessor: Predecessor | None = None,
    keys: HashKeys = NO_KEYS,
) -> SplitPlan:
    """Split the included pairs of a snapshot. Reads only; the same arguments give the same plan.

    `ratio` is the share of train; `predecessor` names the datasets whose sides are kept. The texts are read from the
    sheet, to find questions that are nearly equal, and what the report tells of them. Raises `GateRefused` where fewer
    than `min_pairs` are included, with the table of reasons, `SplitRefused` where one side would be empty, and
    `Unavailable` where a predecessor cannot be read. `keys` are for hashes under one, of the snapshot and of
    predecessors; `SheetChanged` where that of the snapshot is gone.
    """
    summary = taken.summary
    if summary.eligible < min_pairs:
        raise GateRefused(
            f"{summary.eligible:,} of {summary.total:,} pairs of training sheet {taken.sheet_id!r} may be trained on; "
            f"at least {min_pairs:,} are needed.\n{summary.to_text()}",
            hint="Review and label more pairs, or have a data steward review the constraints "
            "(TRAINING_PIPELINE_MIN_PAIRS sets the least number).",
        )
    rows = included_rows(taken, [*COLUMNS, "may_validate"])
    # A prompt that is an instruction ties nothing.
    prompt = pc.if_else(rows["instruction"], pa.scalar(None, pa.string()), rows["prompt_hash"])
    component = tie([_codes(rows["item_ref"]), _codes(rows["canonical_label_id"])], [_questions(prompt)])
    key = required_key(taken, keys)
    asked = read_questions(opened, taken.policy, rows["pair_id"], rows["prompt_hash"], rows["instruction"], key)
    component, near = _tied_nearly(asked, component, similarity=taken.policy.near_question_similarity)
    told = text_report(opened, taken.policy, rows, asked, key)
    hashed = _hashes(opened, taken, rows, keys)
    items = taken.policy.instruction_prompt_items
    known = None if predecessor is None else sides_before(rows, predecessor, keys, hashed, key, instruction_items=items)
    if known is not None and predecessor is not None:
        known = _beside_nearly(known, asked, predecessor, rows, key, similarity=taken.policy.near_question_similarity)
    plan = plan_split(
        component,
        # By the item, so that another pair on it changes nothing.
        least_of(component, _shuffled(rows["item_ref"], seed)),
        rows["may_validate"].to_numpy(),
        ratio=ratio,
        seed=seed,
        before=None if known is None else known.before,
    )
    kept = None if known is None or predecessor is None else kept_sides(rows, known, plan, predecessor, keys, hashed)
    return replace(plan, report=plan.report.model_copy(update={"near": near, "texts": told, "kept": kept}))


def _hashes(opened: OpenSheet, taken: SnapshotRef, rows: pa.Table, keys: HashKeys) -> Hashed:
    """The hashes of the included rows under a key or none: as the snapshot has them, or worked out of the text."""
    key = required_key(taken, keys)

    @cache
    def plain() -> pa.Array:
        if key is None:
            return rows["row_hash"].combine_chunks()
        wanted = ibis.memtable(pa.table({"wanted_id": rows["pair_id"], "number": np.arange(len(rows))}))
        with texts(opened, taken.policy) as read, disk_errors("compare the examples with those of before"):
            said = read.inner_join(wanted, read.pair_id == wanted.wanted_id)
            hashed = said.select("number", hashed=row_hash(with_tools(rendered(said.messages), said.tools)))
            found = hashed.to_pyarrow()
        by_number = dict(zip(found["number"].to_pylist(), found["hashed"].to_pylist(), strict=True))
        hashes = pa.array([by_number.get(number) for number in range(len(rows))], pa.string())
        if not under(hashes, key).equals(rows["row_hash"].combine_chunks()):
            raise SheetChanged(
                f"Training sheet {taken.sheet_id!r} changed while its dataset was prepared.", hint="It is read again."
            )
        return hashes

    def hashed(space: Space) -> pa.Array:
        if space.key_id == taken.hash_key:
            return rows["row_hash"].combine_chunks()
        return plain() if space.key_id is None else under(plain(), space.key)

    return hashed


def _beside_nearly(
    known: Known,
    asked: Questions,
    predecessor: Predecessor,
    rows: pa.Table,
    key: HashKey | None,
    *,
    similarity: float,
) -> Known:
    """The same, with new rows that nearly ask what was trained on as trained, as far as the text of that is kept."""
    if not similarity or known.known.all() or not len(asked.asked.rows):
        return known
    texts = pa.chunked_array(
        [chunk for dataset in predecessor.datasets for chunk in trained_texts(dataset).chunks], pa.string()
    )
    if not len(texts):
        return known
    said, outright = held_out_texts(texts, hashes_in(rows["prompt_hash"].filter(rows["instruction"])), key)
    if not len(said):
        return known
    near = asked.asked.rows_near(said, outright, similarity=similarity)
    beside = ~known.known & (asked.codes >= 0) & np.isin(asked.codes, asked.codes[near])
    trained = known.before.trained | beside
    return replace(known, before=replace(known.before, trained=trained))


def _tied_nearly(
    asked: Questions, component: NDArray[np.int64], *, similarity: float
) -> tuple[NDArray[np.int64], NearReport]:
    if not similarity:
        return component, NearReport()
    ties = tie_nearly(component, asked.asked.near(similarity=similarity))
    report = NearReport(
        similarity=similarity, tied=ties.tied, tightened_groups=ties.tightened, too_large_groups=ties.too_large
    )
    return ties.component, report


def _codes(keys: pa.ChunkedArray) -> NDArray[np.int64]:
    """One number for each different key, -1 for null."""
    codes = keys.combine_chunks().dictionary_encode().indices
    return np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _questions(hashes: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows that ask a question, and its number, for each hash that ties: they stand between blanks."""
    lists = pc.split_pattern(hashes.combine_chunks(), " ")
    flat = pc.list_flatten(lists)
    tying = pc.invert(pc.starts_with(flat, LATER))
    rows = pc.list_parent_indices(lists).filter(tying)
    return rows.to_numpy(), _codes(pa.chunked_array([flat.filter(tying)]))


def _shuffled(names: pa.ChunkedArray, seed: str) -> NDArray[np.uint64]:
    """The first 64 bits of SHA-256 over the seed, a newline and each name, as numbers."""
    with duckdb.connect() as engine:
        engine.register("named", pa.table({"name": names}))
        numbers = engine.execute(
            "SELECT ('0x' || left(sha256(concat($seed, chr(10), name)), 16))::UBIGINT AS number FROM named",
            {"seed": seed},
        ).fetchnumpy()["number"]
    return np.asarray(numbers, dtype=np.uint64)
