"""How the answers of the included pairs are spread: of a sheet of labels, whether one label is most of them."""

from __future__ import annotations

import ibis
import pyarrow as pa

from training_pipeline.datasets.snapshot import included_rows
from training_pipeline.datasets.verdicts import texts
from training_pipeline.domain.advice.facts import AnswerCounts
from training_pipeline.domain.refs import SnapshotRef
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet


def answer_counts(opened: OpenSheet, taken: SnapshotRef) -> AnswerCounts:
    """Count the last messages of the included pairs, equal ones together. Reads; no text is kept."""
    wanted = ibis.memtable(pa.table({"wanted_id": included_rows(taken, ["pair_id"])["pair_id"]}))
    with texts(opened, taken.policy) as read, disk_errors("count the answers"):
        said = read.semi_join(wanted, read.pair_id == wanted.wanted_id)
        answer = said.messages[said.messages.length() - 1]["content"].fill_null("").strip()
        each = said.select(answer=answer.hexdigest("sha256")).group_by("answer").agg(pairs=ibis._.count())
        found = each.agg(
            answers=each.pairs.sum().fill_null(0), different=each.count(), most=each.pairs.max().fill_null(0)
        ).to_pyarrow()
    (row,) = found.to_pylist()
    return AnswerCounts(answers=int(row["answers"]), different=row["different"], most_frequent=row["most"])
