"""The nearly equal questions of a snapshot's included pairs: read from the sheet, compared, and forgotten."""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa

from training_pipeline.datasets.verdicts import texts
from training_pipeline.domain.refs import SnapshotRef
from training_pipeline.domain.rules.comparison import Comparison
from training_pipeline.domain.rules.engine_words import DUCKDB
from training_pipeline.domain.rules.near_questions import NearPairs, near_pairs
from training_pipeline.domain.rules.normal_form import normal_form_table
from training_pipeline.domain.rules.rendering import rendered
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet


def near_rows(
    opened: OpenSheet, taken: SnapshotRef, pair_ids: pa.ChunkedArray, questions: pa.ChunkedArray
) -> NearPairs:
    """The pairs of included rows with nearly equal questions, by the numbers of the first rows that ask them.

    `questions` are equal for rows with the same question, and null for rows whose question ties nothing. Text is read
    and not stored. A row that is no longer in the sheet is near to none: writing the dataset finds that out.
    """
    encoded = questions.combine_chunks().dictionary_encode().indices
    codes, first = np.unique(encoded.fill_null(-1).to_numpy(zero_copy_only=False), return_index=True)
    first = np.sort(first[codes >= 0])
    wanted = ibis.memtable(pa.table({"number": first, "wanted_id": pair_ids.take(pa.array(first))}))
    with texts(opened, taken.policy) as read, disk_errors("compare the questions"):
        asked = read.inner_join(wanted, read.pair_id == wanted.wanted_id)
        forms = normal_form_table(read).cache()
        named = Comparison(DUCKDB, rendered, forms).question_texts(asked.select("number", "messages"))
        found = named.filter((named.question != "").fill_null(False)).order_by("number").to_pyarrow()
    rows = found["number"].to_numpy()
    near = near_pairs(found["question"], similarity=taken.policy.near_question_similarity)
    return NearPairs(rows[near.first], rows[near.second], near.similarity)
