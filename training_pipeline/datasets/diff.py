"""What changed between two stored datasets, pair by pair, read from their manifests alone.

A pair is known again by its id, and one that has a new id by its example.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa

from training_pipeline.datasets.comparable_hashes import common_space, registered, rows_in
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.text.id_order import counted_sql
from training_pipeline.infra.sql_literal import literal

# An included pair has an id of its own. Ids that several rows had are invalid, and one row stands for them all.
_CHANGED: Final = """
CREATE TEMP TABLE changed AS
WITH one AS (FROM first_rows), two AS (FROM second_rows),
gone AS (
    SELECT *, row_number() OVER (PARTITION BY row_hash ORDER BY pair_id) AS place FROM one ANTI JOIN two USING (pair_id)
), fresh AS (
    SELECT *, row_number() OVER (PARTITION BY row_hash ORDER BY pair_id) AS place FROM two ANTI JOIN one USING (pair_id)
),
same AS (
    SELECT gone.pair_id AS was, fresh.pair_id AS now, gone.split <> fresh.split AS moved
    FROM gone JOIN fresh USING (row_hash, place)
), kept AS (
    SELECT pair_id, one.row_hash IS DISTINCT FROM two.row_hash AS edited, one.split <> two.split AS moved
    FROM one JOIN two USING (pair_id)
)
SELECT pair_id AS was, pair_id AS now,
    list_concat(if(edited, ['edited'], []), if(moved, ['moved'], [])) AS changes
FROM kept WHERE edited OR moved
UNION ALL SELECT was, now, if(moved, ['renamed', 'moved'], ['renamed']) FROM same
UNION ALL SELECT pair_id, pair_id, ['removed'] FROM gone ANTI JOIN same ON pair_id = was
UNION ALL SELECT pair_id, pair_id, ['added'] FROM fresh ANTI JOIN same ON pair_id = now
"""
#: What only the texts of two pairs say. Where they cannot be compared, none of these changes is found.
_OF_TEXTS: Final = frozenset({PairChange.EDITED, PairChange.RENAMED})
_COUNTS: Final = "SELECT change, count(*) FROM (SELECT unnest(changes) AS change FROM changed) GROUP BY change"
#: What is raised where a manifest cannot be read.
_UNREADABLE: Final = (
    *(duckdb.IOException, duckdb.InvalidInputException, duckdb.BinderException),
    *(OSError, pa.ArrowException),
)
_AS_STORED: Final = """
CREATE TEMP VIEW {name} AS SELECT pair_id, row_hash, split FROM read_parquet({manifest}) WHERE split IS NOT NULL
"""
_ORDER: Final = f"{counted_sql('now')}, now"
_PAGE: Final = """
CREATE TEMP TABLE page AS SELECT was, now, changes FROM changed
WHERE list_has_any(changes, [{kinds}]) {further} ORDER BY {order} LIMIT {limit}
"""
_FURTHER: Final = f"AND ({_ORDER}) > ({counted_sql('$after')}, $after)"
_ON_PAGE: Final = f"SELECT was, now, changes FROM page ORDER BY {_ORDER}"  # noqa: S608 - built from our own names
_STATES: Final = """
SELECT * EXCLUDE (component) FROM read_parquet({manifest})
SEMI JOIN (SELECT {id} AS pair_id FROM page) USING (pair_id) ORDER BY pair_id, split, reason
"""


@dataclass(frozen=True, slots=True)
class ChangedPair:
    """A pair that changed, as each of the datasets has it: the manifest's columns, None where it has no such pair.

    A pair of which only one dataset trained or validated may stand in the other one with the reason for its exclusion.
    """

    pair_id: str
    changes: tuple[PairChange, ...]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """How many pairs changed in each way, the first of them as people count their ids, and whether there are more."""

    #: None for a change that nobody can tell: the texts of the two cannot be compared.
    counts: dict[PairChange, int | None]
    pairs: tuple[ChangedPair, ...]
    more: bool


def diff(
    first: DatasetRef,
    second: DatasetRef,
    *,
    changes: Collection[PairChange] = (),
    after: str = "",
    limit: int = 100,
    keys: HashKeys = NO_KEYS,
) -> DatasetDiff:
    """Compare two datasets, of one sheet or of two. Reads the manifests, and the text of one where their hashes are
    under different keys; where that is gone, pairs are known by their ids alone.

    Named are at most `limit` pairs with an id after `after`, as people count, that changed in one of these ways, or in
    any. A renamed pair goes by its new id. Raises `Unavailable` where a manifest cannot be read.
    """
    kinds = ", ".join(literal(change) for change in changes or PairChange)
    query = _PAGE.format(kinds=kinds, further=_FURTHER if after else "", order=_ORDER, limit=limit + 1)
    with duckdb.connect() as engine:
        try:
            counts = _counted(engine, first, second, keys)
            engine.execute(query, {"after": after} if after else None)
            page = engine.execute(_ON_PAGE).fetchall()
            before, now = _states(engine, first, "was"), _states(engine, second, "now")
        except _UNREADABLE as error:
            raise unreadable(first, second) from error
    pairs = tuple(
        ChangedPair(pair_id, tuple(map(PairChange, how)), before.get(was), now.get(pair_id))
        for was, pair_id, how in page[:limit]
    )
    return DatasetDiff(counts, pairs, more=len(page) > limit)


def reader() -> duckdb.DuckDBPyConnection:
    """What reads manifests, for several questions: making one takes longer than asking it. A context, closed at its
    end.
    """
    return duckdb.connect()


def pair_counts(
    engine: duckdb.DuckDBPyConnection, first: DatasetRef, second: DatasetRef, keys: HashKeys = NO_KEYS
) -> dict[PairChange, int | None]:
    """How many pairs changed in each way, and nothing else. Reads as above, and raises `Unavailable` as that."""
    with engine.cursor() as asking:
        try:
            return _counted(asking, first, second, keys)
        except _UNREADABLE as error:
            raise unreadable(first, second) from error


def _counted(
    engine: duckdb.DuckDBPyConnection, first: DatasetRef, second: DatasetRef, keys: HashKeys
) -> dict[PairChange, int | None]:
    """Make the table `changed`, and count what is in it."""
    space = common_space([first, second], keys)
    for name, dataset in (("first_rows", first), ("second_rows", second)):
        if space is not None and dataset.hash_key == space.key_id:
            engine.execute(_AS_STORED.format(name=name, manifest=literal(dataset.manifest_file)))
        else:
            registered(engine, name, rows_in(dataset, space, keys, ["pair_id", "split"]))
    engine.execute(_CHANGED)
    counts = dict(engine.execute(_COUNTS).fetchall())
    unknown = _OF_TEXTS if space is None else frozenset()
    return {change: None if change in unknown else counts.get(change, 0) for change in PairChange}


def _states(engine: duckdb.DuckDBPyConnection, dataset: DatasetRef, which: str) -> dict[str, dict[str, Any]]:
    """What the manifest says of the pairs on the page, by the ids in the column `which`."""
    engine.execute(_STATES.format(manifest=literal(dataset.manifest_file), id=which))
    names = [column[0] for column in engine.description or ()]
    found = [dict(zip(names, row, strict=True)) for row in engine.fetchall()]
    return {row["pair_id"]: row for row in reversed(found)}


def unreadable(*datasets: DatasetRef) -> Unavailable:
    """The error where the manifest of one of these cannot be read."""
    digests = " and ".join(dataset.digest for dataset in datasets)
    return Unavailable(
        f"The manifest of one of these datasets is gone or damaged: {digests}.",
        hint="Restore it from a backup: what a model was trained on is recorded nowhere else.",
    )
