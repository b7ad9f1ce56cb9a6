"""The questions that datasets were trained on, by hashes that may be compared with those of a snapshot.

A manifest has them under the key of its training sheet, or under none; those of earlier gate policies are of another
form. Where the hashes of a manifest do not lead there, the text of the dataset does, as long as it is kept.
"""

from __future__ import annotations

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.datasets.comparable_hashes import has_text
from training_pipeline.datasets.text_plans import asked_plan, asks_plan
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import OF_OTHER_QUESTIONS
from training_pipeline.infra.files import sha256
from training_pipeline.sheets.engine import DuckDB
from training_pipeline.sheets.files.duckdb_macros import MESSAGES_TYPE
from training_pipeline.sheets.plan import Plan


def trained_questions(dataset: DatasetRef, key: HashKey | None) -> pa.Array | None:
    """What the pairs of the training split ask: different texts of hashes between blanks, under `key` or under none.

    None where that is not known: the hashes are of no use, and the text is gone. Reads only.
    """
    is_ours = dataset.hash_key == (key and key.id)
    if dataset.policy.version not in OF_OTHER_QUESTIONS and (is_ours or dataset.hash_key is None):
        rows = pq.read_table(dataset.manifest_file, columns=["prompt_hash", "split"])
        asked = rows.filter(pc.equal(rows["split"], "train"))["prompt_hash"]
    elif has_text(dataset) and sha256(dataset.train_file) == dataset.train_sha256:
        asked, is_ours = _of_text(dataset, asked_plan()), key is None
    else:
        return None
    found = pc.unique(asked.drop_null())
    if is_ours or key is None:
        return found
    return pa.array([key.of_questions(one) for one in found.to_pylist()], pa.string())


def trained_texts(dataset: DatasetRef) -> pa.ChunkedArray:
    """The questions themselves, marked as in `Comparison.turn_texts`; none where the text is gone. Reads only."""
    if not (has_text(dataset) and sha256(dataset.train_file) == dataset.train_sha256):
        return pa.chunked_array([], pa.string())
    return _of_text(dataset, asks_plan())


def _of_text(dataset: DatasetRef, plan: Plan) -> pa.ChunkedArray:
    engine = ibis.duckdb.connect()
    try:
        lines = engine.read_json(
            [str(dataset.train_file)],
            columns={"messages": MESSAGES_TYPE},
            format="newline_delimited",
            maximum_object_size=2**30,
        )
        return DuckDB().read(plan, lines).column(0)
    finally:
        engine.disconnect()
