"""How the answers of the included pairs are spread: of a sheet of labels, whether one label is most of them."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.domain.advice.facts import AnswerCounts


def answer_counts(read: ir.Table, ids: pa.ChunkedArray) -> AnswerCounts:
    """Count the last messages of these pairs among the `texts` of a sheet, equal ones together. No text is kept."""
    wanted = ibis.memtable(pa.table({"wanted_id": ids}))
    said = read.semi_join(wanted, read.pair_id == wanted.wanted_id)
    answer = said.messages[said.messages.length() - 1]["content"].fill_null("").strip()
    each = said.select(answer=answer.hexdigest("sha256")).group_by("answer").agg(pairs=ibis._.count())
    found = each.agg(
        answers=each.pairs.sum().fill_null(0), different=each.count(), most=each.pairs.max().fill_null(0)
    ).to_pyarrow()
    (row,) = found.to_pylist()
    return AnswerCounts(answers=int(row["answers"]), different=row["different"], most_frequent=row["most"])
