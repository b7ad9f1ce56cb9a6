"""What the split looks at in the text of the included pairs: read once from the sheet, compared, and forgotten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_pipeline.datasets.asked_texts import AskedTexts, asked_texts, hashes_in
from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.judging import questions_plan
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.rules.turns import HASH_DIGITS
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.engine import DuckDB

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Questions:
    """What the included pairs ask; no texts where nearly equal ones are not looked for."""

    #: Of every included row the number of what it asks, -1 where that ties nothing.
    codes: Integers
    #: By the number of the first row that asks the same.
    asked: AskedTexts
    #: Ids of the pairs whose text spells a control token of a known model family.
    control_token_ids: pa.ChunkedArray


def read_questions(
    opened: OpenSheet,
    policy: GatePolicy,
    pair_ids: pa.ChunkedArray,
    prompts: pa.ChunkedArray,
    instruction: pa.ChunkedArray,
    key: HashKey | None = None,
) -> Questions:
    """Read the questions of included rows from the sheet.

    `prompts` are the hashes of what the rows ask, under `key` or none; where it is an `instruction`, it ties nothing. A
    row that is no longer in the sheet asks nothing: writing the dataset finds that out.
    """
    tied = pc.if_else(instruction, pa.scalar(None, pa.string()), prompts)
    codes = tied.combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found, first = np.unique(codes, return_index=True)
    is_first = np.zeros(len(codes), dtype=bool)
    is_first[first[found >= 0]] = policy.near_question_similarity > 0
    columns = {"number": np.arange(len(codes)), "wanted_id": pair_ids, "asks": is_first}
    here = DuckDB()
    with texts(opened, policy) as read, disk_errors("compare the questions"):
        kept = here.read(questions_plan(here.dialect), read, wanted=pa.table(columns))
    named = kept.filter(pc.is_valid(kept["asks"]))
    return Questions(
        codes=codes.astype(np.int64),
        asked=asked_texts(
            named["number"].to_numpy(),
            named["asks"],
            # Of pairs of one turn it is known that their question ties.
            hashes_in(tied.filter(pc.greater(pc.utf8_length(tied), HASH_DIGITS))),
            hashes_in(prompts.filter(instruction)),
            key,
        ),
        control_token_ids=pair_ids.take(kept.filter(kept["controlled"])["number"]),
    )
