"""On which side pairs were in the datasets that a job follows: its predecessor's, the predecessor's of that, and so on.

A pair is known again by its example, whatever its id. Where an example is gone, the pair that now has its id is the
same pair, edited; and a pair on an item or label that a gone example was trained on, or one that asks a question which
was trained on, is not new to the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_pipeline.datasets.comparable_hashes import Space, rows_in, under, with_sheet
from training_pipeline.datasets.store import manifest_is_whole
from training_pipeline.datasets.trained_questions import trained_questions
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKey, HashKeys
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.split import Before, SplitPlan
from training_pipeline.domain.rules.turns import ALONE, LATER
from training_pipeline.domain.split_report import MOST_NAMED, KeptSides
from training_pipeline.domain.storable import storable

#: The hashes of the included rows under a key or under none.
Hashed = Callable[[Space], "pa.Array | pa.ChunkedArray"]
#: What is asked of the included rows, to know them again.
COLUMNS: Final = ("pair_id", "row_hash", "item_ref", "canonical_label_id", "prompt_hash", "instruction")

_BARE: Final = f"ltrim(hash, '{LATER}{ALONE}')"
_OUTRIGHT: Final = f"NOT (starts_with(hash, '{LATER}') OR starts_with(hash, '{ALONE}'))"
#: `old` are the rows of the predecessors, `hashes` those of the included rows, each alike under what is `within`. Of a
#: row without a hash it is not known which example it is: the pair with its id is taken for it. `learned` has the
#: questions that were trained on. A question that only a later turn asks, which is marked, is the same as one that is
#: asked outright; an instruction is none.
_SIDES: Final = f"""
WITH known AS (SELECT * FROM old WHERE row_hash IS NOT NULL),
gone AS (
    SELECT * FROM known ANTI JOIN hashes USING (within, row_hash) UNION ALL SELECT * FROM old WHERE row_hash IS NULL
),
examples AS (
    SELECT number, bool_or(trained) AS trained FROM hashes JOIN known USING (within, row_hash) GROUP BY number
),
edited AS (SELECT pair_id, bool_or(trained) AS trained FROM gone GROUP BY pair_id),
items AS (SELECT DISTINCT item_ref AS trained_item FROM gone WHERE trained),
labels AS (SELECT DISTINCT canonical_label_id AS trained_label FROM gone WHERE trained),
questions AS (
    SELECT number, item_ref, instruction, {_BARE} AS question, {_OUTRIGHT} AS outright
    FROM (SELECT *, unnest(string_split(prompt_hash, ' ')) AS hash FROM included)
),
instructions AS (
    SELECT question FROM questions GROUP BY question
    HAVING bool_or(instruction AND outright) OR count(DISTINCT item_ref) > $items
),
taught AS (
    SELECT {_BARE} AS question, bool_or({_OUTRIGHT}) AS taught_outright
    FROM (SELECT unnest(string_split(asked, ' ')) AS hash FROM learned) GROUP BY question
),
asking AS (
    SELECT DISTINCT number, true AS asks FROM questions JOIN taught USING (question)
    WHERE (outright OR taught_outright) AND question NOT IN (FROM instructions)
)
SELECT coalesce(examples.trained, edited.trained) AS trained,
    examples.trained IS NULL AND (
        asks IS NOT NULL OR (edited.trained IS NULL AND (trained_item IS NOT NULL OR trained_label IS NOT NULL))
    ) AS beside
FROM included
LEFT JOIN examples USING (number)
LEFT JOIN asking USING (number)
LEFT JOIN edited ON edited.pair_id = included.pair_id
LEFT JOIN items ON trained_item = included.item_ref
LEFT JOIN labels ON trained_label = included.canonical_label_id
ORDER BY included.number
"""  # noqa: S608 - our own marks


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


def sides_before(
    included: pa.Table,
    predecessor: Predecessor,
    keys: HashKeys = NO_KEYS,
    hashed: Hashed | None = None,
    key: HashKey | None = None,
    *,
    instruction_items: int,
) -> Known:
    """What was done with the included rows (`COLUMNS`) before. Reads only.

    Their `prompt_hash` has the questions, under `key` or under none; one that is put to more than `instruction_items`
    items is an instruction. `hashed` gives the hashes of the examples
    under a key or under none; without it `row_hash` has none. Where it is not known whether a predecessor had a row,
    neither by its example nor by its id, or whether it had its question, it may have been trained on.

    Raises `Unavailable` if the manifest of a predecessor is missing or damaged, because it says what was trained on.
    """
    if not all(map(manifest_is_whole, predecessor.datasets)):
        raise _unreadable(predecessor)
    spaces = [with_sheet(dataset, keys) for dataset in predecessor.datasets]
    questions = [trained_questions(dataset, key) for dataset in predecessor.datasets]
    numbers = pa.array(np.arange(len(included)))
    with duckdb.connect() as engine:
        engine.register("included", included.select(list(COLUMNS)).append_column("number", numbers))
        engine.register("old", _old(predecessor, spaces, keys))
        asked = pa.chunked_array([one for one in questions if one is not None], pa.string())
        engine.register("learned", pa.table({"asked": asked}))
        engine.register("hashes", _alike(included, numbers, spaces, hashed or _plainly(included)))
        found = engine.execute(_SIDES, {"items": instruction_items}).to_arrow_table()
    side = found["trained"]
    known = pc.is_valid(side).to_numpy()
    is_unsure = None in spaces or any(one is None for one in questions)
    trained = pc.fill_null(side, False).to_numpy() | found["beside"].to_numpy() | (~known & is_unsure)
    return Known(Before(trained=trained, validated=known & ~trained), known)


def _plainly(included: pa.Table) -> Hashed:
    hashes = included["row_hash"]
    return lambda space: hashes if space.key_id is None else under(hashes, space.key)


def _old(predecessor: Predecessor, spaces: Sequence[Space | None], keys: HashKeys) -> pa.Table:
    tables = []
    for dataset, space in zip(predecessor.datasets, spaces, strict=True):
        rows = rows_in(dataset, space, keys, ["pair_id", "item_ref", "canonical_label_id", "split"])
        columns = {name: rows[name] for name in ("pair_id", "item_ref", "canonical_label_id")}
        trained = pc.equal(rows["split"], "train")
        hashed = {"row_hash": rows["comparable_hash"], "within": _names(rows, space)}
        tables.append(pa.table({**columns, "trained": trained, **hashed}))
    return pa.concat_tables(tables)


def _alike(included: pa.Table, numbers: pa.Array, spaces: Sequence[Space | None], hashed: Hashed) -> pa.Table:
    schema = pa.schema([("number", pa.int64()), ("row_hash", pa.string()), ("within", pa.string())])
    tables = [
        pa.table([numbers, hashed(space), _names(included, space)], schema=schema)
        for space in dict.fromkeys(spaces)
        if space is not None
    ]
    return pa.concat_tables([schema.empty_table(), *tables])


def _names(rows: pa.Table, space: Space | None) -> pa.Array:
    name = "" if space is None or space.key_id is None else space.key_id
    return pa.array([name] * len(rows), pa.string())


def kept_sides(
    included: pa.Table,
    known: Known,
    plan: SplitPlan,
    predecessor: Predecessor,
    keys: HashKeys = NO_KEYS,
    hashed: Hashed | None = None,
) -> KeptSides:
    """What the plan kept of the predecessor's split. Reads only.

    Losses are comparable only where it is known that the validation rows are the same.
    """
    dataset = predecessor.datasets[0]
    space = with_sheet(dataset, keys)
    old = rows_in(dataset, space, keys, ["pair_id", "split"])
    moved = known.before.validated & ~plan.validation
    ours = pa.nulls(len(included), pa.string()) if space is None else (hashed or _plainly(included))(space)
    same = pc.is_in(old["comparable_hash"], _values(ours), skip_nulls=True)
    still = pc.or_(same, pc.is_in(old["pair_id"], included["pair_id"]))
    validated = old.filter(pc.equal(old["split"], "validation"))["comparable_hash"]
    validates = pa.chunked_array([*_chunks(ours)], pa.string()).filter(pa.array(plan.validation))
    return KeptSides(
        job_id=predecessor.job_id,
        dataset_digest=dataset.digest,
        kept=int((known.known & ~moved).sum()),
        new=int((~known.known).sum()),
        gone=len(old) - pc.sum(still).as_py(),
        moved=int(moved.sum()),
        moved_pair_ids=tuple(map(storable, included["pair_id"].filter(pa.array(moved))[:MOST_NAMED].to_pylist())),
        drift=plan.report.achieved_ratio - plan.report.requested_ratio,
        losses_comparable=space is not None and _sorted(validated).equals(_sorted(validates)),
    )


def _chunks(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _values(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _sorted(column: pa.ChunkedArray) -> pa.Array:
    return column.take(pc.sort_indices(column)).combine_chunks()


def _unreadable(predecessor: Predecessor) -> Unavailable:
    paths = [str(dataset.path) for dataset in predecessor.datasets]
    return Unavailable(
        f"The split of training job {predecessor.job_id} cannot be kept: one of these datasets is gone or damaged: "
        f"{', '.join(paths)}.",
        hint="Restore it, name another job to follow (`split_predecessor`), or ask for a fresh split (`fresh_split`).",
    )
