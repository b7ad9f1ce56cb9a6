"""What became of a training sheet since a dataset was made from it, counted pair by pair."""

from __future__ import annotations

from typing import Final

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.retraining import Changes
from training_pipeline.domain.rules.policy import NOT_PERMITTED, GatePolicy, Reason
from training_pipeline.sheets.base import OpenSheet

_NAMED: Final = 20
#: Reasons that take a pair's permission away, by its own constraints or for the sake of another pair.
_PROHIBITING: Final = [
    str(reason) for reason in (*NOT_PERMITTED, Reason.IDENTICAL_TO_PROHIBITED, Reason.HELD_OUT_PROMPT)
]


def changes(opened: OpenSheet, dataset: DatasetRef, policy: GatePolicy) -> Changes:
    """Compare the pairs that `dataset` was made of with the sheet as it is now. Reads only.

    An unchanged sheet (same digest, same policy) is not judged again. A pair of the validation split that may no longer
    be validated on counts as newly prohibited, for validation leaves its trace in a model too. A pair that became a
    copy of another one is neither: nothing was taken back.
    """
    used = pq.read_table(
        dataset.manifest_file, columns=["pair_id", "row_hash", "split"], filters=pc.field("split").is_valid()
    )
    if opened.digest == dataset.sheet_digest and policy == dataset.policy:
        return Changes(eligible=len(used))
    trained = ibis.memtable(
        pa.table(
            {
                "trained_id": used["pair_id"],
                "trained_hash": used["row_hash"],
                "validates": pc.equal(used["split"], "validation"),
            }
        )
    )
    with verdicts(opened, policy) as table:
        both = trained.outer_join(table, trained.trained_id == table.pair_id)
        was, now = both.trained_id.notnull(), (both.pair_id.notnull() & both.reason.isnull()).fill_null(False)
        duplicate = (both.reason == str(Reason.DUPLICATE)).fill_null(False)
        # A copy of a pair that was trained on adds nothing; which of two copies is kept may change.
        known_text = both.row_hash.isin(trained.trained_hash).fill_null(False)
        barred = both.reason.isin(_PROHIBITING) | (both.validates & both.reason.isnull() & ~both.may_validate)
        finding = ibis.cases(
            (was & barred.fill_null(False), "newly_prohibited"),
            (was & ~now & ~duplicate, "removed"),
            (was & now & (both.row_hash != both.trained_hash), "edited"),
            (~was & now & ~known_text, "added"),
        )
        found = both.select(
            pair=ibis.coalesce(both.trained_id, both.pair_id), finding=finding, eligible=now.cast("int64")
        ).cache()
        counts = found.group_by("finding").agg(pairs=lambda group: group.pair.nunique()).to_pandas()
        eligible = int(found.eligible.sum().execute() or 0)
        named = found.filter(found.finding == "newly_prohibited").select("pair").distinct().order_by("pair")
        ids = tuple(named.limit(_NAMED).pair.to_pandas())
        found.release()
    by_finding = {str(row.finding): int(row.pairs) for row in counts.itertuples() if isinstance(row.finding, str)}
    return Changes(**by_finding, eligible=eligible, prohibited_ids=ids)
