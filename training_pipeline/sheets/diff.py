"""What changed between two sheets, or two versions of one, pair by pair. Texts are compared by their hashes.

A pair is known again by its id, and one that has a new id by its example.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from training_pipeline.domain.rules.examples.rendering import row_hash
from training_pipeline.domain.rules.text.id_order import counted_sql
from training_pipeline.domain.sheet_change import SheetChange
from training_pipeline.sheets.base import OpenSheet

_COLUMNS: Final = {
    "edited": ("text", "tools"),
    "status": ("status",),
    "uses": ("allowed_uses", "prohibited_uses", "label_allowed_uses", "label_prohibited_uses", "usage_reason"),
    "classification": ("data_classification", "label_data_classification"),
    "item": ("item_ref", "canonical_label_id"),
    "decided": ("reviewed_by", "reviewed_at", "constraints_set_by", "constraints_set_at"),
}
_FETCHED: Final = tuple(name for names in _COLUMNS.values() for name in names if name != "text")
_IN_BOTH: Final = "\n    UNION ALL ".join(
    f"SELECT was, now, '{change}' FROM known JOIN one ON one.pair_id = was JOIN two ON two.pair_id = now WHERE "  # noqa: S608
    + " OR ".join(f"one.{name} IS DISTINCT FROM two.{name}" for name in names)
    for change, names in _COLUMNS.items()
)
_PLACE: Final = "row_number() OVER (PARTITION BY text, tools ORDER BY pair_id)"
_CHANGED: Final = f"""
CREATE TEMP TABLE changed AS
WITH one AS (SELECT DISTINCT ON (pair_id) * FROM old_pairs), two AS (SELECT DISTINCT ON (pair_id) * FROM new_pairs),
gone AS (SELECT *, {_PLACE} AS place FROM one ANTI JOIN two USING (pair_id)),
fresh AS (SELECT *, {_PLACE} AS place FROM two ANTI JOIN one USING (pair_id)),
same AS (  -- of an example that stands several times as many as both sheets have
    SELECT gone.pair_id AS was, fresh.pair_id AS now
    FROM gone JOIN fresh
    ON gone.text = fresh.text AND gone.tools IS NOT DISTINCT FROM fresh.tools AND gone.place = fresh.place
),
known AS (SELECT pair_id AS was, pair_id AS now FROM one SEMI JOIN two USING (pair_id) UNION ALL SELECT * FROM same)
SELECT was, now, change FROM (
    SELECT was, now, 'renamed' AS change FROM same
    UNION ALL {_IN_BOTH}
    UNION ALL SELECT pair_id, pair_id, 'removed' FROM gone ANTI JOIN same ON pair_id = was
    UNION ALL SELECT pair_id, pair_id, 'added' FROM fresh ANTI JOIN same ON pair_id = now
)
"""  # noqa: S608 - built from our own names
_PAGE: Final = f"""
SELECT now, was, list(change) FROM changed GROUP BY now, was HAVING list_has_any(list(change), $kinds)
ORDER BY {counted_sql("now")}, now, was LIMIT $limit OFFSET $after
"""  # noqa: S608 - built from our own names
_TOTAL: Final = "SELECT count(DISTINCT (now, was)) FROM changed WHERE list_contains($kinds, change)"


@dataclass(frozen=True, slots=True)
class ChangedPair:
    """A pair that changed, and how."""

    #: Its id in the new sheet, or in the old one where only that has it.
    pair_id: str
    #: Its id in the old sheet, where that is another one.
    was: str | None
    changes: tuple[SheetChange, ...]


@dataclass(frozen=True, slots=True)
class SheetDiff:
    """How many pairs changed in each way; a page of those asked for, as people count their ids; how many these are."""

    counts: dict[SheetChange, int]
    pairs: tuple[ChangedPair, ...]
    total: int


def diff(
    old: OpenSheet, new: OpenSheet, *, changes: Collection[SheetChange] = (), after: int = 0, limit: int = 100
) -> SheetDiff:
    """Compare two open sheets. Reads only; no text leaves the engine that holds it.

    Named are the pairs that changed in one of these ways, or in any: after so many of them, at most `limit`.
    """
    wanted = {"kinds": [str(change) for change in changes or SheetChange]}
    with duckdb.connect() as engine:
        for name, opened in (("old_pairs", old), ("new_pairs", new)):
            engine.register(name, _fetched(opened))
        engine.execute(_CHANGED)
        counts = dict(engine.execute("SELECT change, count(*) FROM changed GROUP BY change").fetchall())
        page = engine.execute(_PAGE, {**wanted, "after": after, "limit": limit}).fetchall()
        (total,) = engine.execute(_TOTAL, wanted).fetchall()[0]
    order = list(SheetChange)
    pairs = tuple(
        ChangedPair(now, was if was != now else None, tuple(sorted(map(SheetChange, kinds), key=order.index)))
        for now, was, kinds in page
    )
    return SheetDiff({change: counts.get(change, 0) for change in order}, pairs, total)


def _fetched(opened: OpenSheet) -> pa.Table:
    """Everything of the pairs that is compared. Pairs without an id cannot be known again and are left out."""
    pairs = opened.pairs.filter(opened.pairs.pair_id.notnull())
    table = pairs.select("pair_id", *_FETCHED, text=row_hash(opened.engine.dialect.rendered(pairs.messages)))
    with opened.engine.fetch(table) as fetched:
        return fetched.to_pyarrow()
