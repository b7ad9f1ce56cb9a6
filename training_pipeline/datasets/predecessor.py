"""On which side pairs were in the datasets that a job follows: its predecessor's, the predecessor's of that, and so on.

A pair is known again by its example, whatever its id. Where an example is gone, the pair that now has its id is the
same pair, edited; and a pair on an item or label that a gone example was trained on is not new to the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training_pipeline.datasets.store import manifest_is_whole
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.split import Before, SplitPlan
from training_pipeline.domain.split_report import MOST_NAMED, KeptSides

#: What is asked of the included rows, to know them again.
COLUMNS: Final = ("pair_id", "row_hash", "item_ref", "canonical_label_id")

_SIDES: Final = """
WITH old AS (
    SELECT row_hash, pair_id, item_ref, canonical_label_id, split = 'train' AS trained
    FROM read_parquet($manifests) WHERE split IS NOT NULL
), gone AS (SELECT * FROM old ANTI JOIN included USING (row_hash)),
examples AS (SELECT row_hash, bool_or(trained) AS trained FROM old GROUP BY row_hash),
edited AS (SELECT pair_id, bool_or(trained) AS trained FROM gone GROUP BY pair_id),
items AS (SELECT DISTINCT item_ref AS trained_item FROM gone WHERE trained),
labels AS (SELECT DISTINCT canonical_label_id AS trained_label FROM gone WHERE trained)
SELECT coalesce(examples.trained, edited.trained) AS trained,
    trained_item IS NOT NULL OR trained_label IS NOT NULL AS beside
FROM included
LEFT JOIN examples USING (row_hash)
LEFT JOIN edited ON edited.pair_id = included.pair_id
LEFT JOIN items ON trained_item = included.item_ref
LEFT JOIN labels ON trained_label = included.canonical_label_id
ORDER BY included.number
"""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A job whose split is kept, and the datasets of the jobs that it follows, its own first."""

    job_id: str
    datasets: tuple[DatasetRef, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What the predecessors know of the included rows, in the order of the pair ids."""

    before: Before
    #: bool: rows that a predecessor had.
    known: NDArray[np.bool_]


def sides_before(included: pa.Table, predecessor: Predecessor) -> Known:
    """What was done with the included rows (`COLUMNS`) before. Reads only.

    Raises `Unavailable` where a predecessor's manifest is gone or damaged: without it nobody knows what was trained on.
    """
    manifests = [str(dataset.manifest_file) for dataset in predecessor.datasets]
    if not all(map(manifest_is_whole, predecessor.datasets)):
        raise _unreadable(predecessor)
    rows = included.select(list(COLUMNS)).append_column("number", pa.array(np.arange(len(included))))
    with duckdb.connect() as engine:
        engine.register("included", rows)
        found = engine.execute(_SIDES, {"manifests": manifests}).to_arrow_table()
    side = found["trained"]
    known = pc.is_valid(side).to_numpy()
    trained = pc.fill_null(side, False).to_numpy() | (~known & found["beside"].to_numpy())
    return Known(Before(trained=trained, validated=known & ~trained), known)


def kept_sides(included: pa.Table, known: Known, plan: SplitPlan, predecessor: Predecessor) -> KeptSides:
    """What the plan kept of the predecessor's split. Reads only."""
    dataset = predecessor.datasets[0]
    columns = ["pair_id", "row_hash", "split"]
    old = pq.read_table(dataset.manifest_file, columns=columns, filters=pc.field("split").is_valid())
    moved = known.before.validated & ~plan.validation
    still = pc.or_(pc.is_in(old["row_hash"], included["row_hash"]), pc.is_in(old["pair_id"], included["pair_id"]))
    validated = old.filter(pc.equal(old["split"], "validation"))["row_hash"]
    validates = included["row_hash"].filter(pa.array(plan.validation))
    return KeptSides(
        job_id=predecessor.job_id,
        dataset_digest=dataset.digest,
        kept=int((known.known & ~moved).sum()),
        new=int((~known.known).sum()),
        gone=len(old) - pc.sum(still).as_py(),
        moved=int(moved.sum()),
        moved_pair_ids=tuple(included["pair_id"].filter(pa.array(moved))[:MOST_NAMED].to_pylist()),
        drift=plan.report.achieved_ratio - plan.report.requested_ratio,
        losses_comparable=_sorted(validated).equals(_sorted(validates)),
    )


def _sorted(column: pa.ChunkedArray) -> pa.Array:
    return column.take(pc.sort_indices(column)).combine_chunks()


def _unreadable(predecessor: Predecessor) -> Unavailable:
    paths = [str(dataset.path) for dataset in predecessor.datasets]
    return Unavailable(
        f"The split of training job {predecessor.job_id} cannot be kept: one of these datasets is gone or damaged: "
        f"{', '.join(paths)}.",
        hint="Restore it, name another job to follow (`split_predecessor`), or ask for a fresh split (`fresh_split`).",
    )
