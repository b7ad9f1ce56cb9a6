"""What changed between two sheets, or two versions of one, pair by pair. Texts are compared by their hashes.

A pair is known again by its id, and one that has a new id by its example.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from training_pipeline.domain.rules.examples.rendering import row_hash
from training_pipeline.sheets.base import OpenSheet

#: What may have changed, in the order in which it is told, and what that means.
CHANGES: Final = {
    "added": "Only the new sheet has it.",
    "removed": "Only the old sheet has it.",
    "edited": "Another text.",
    "renamed": "The same example under another pair id.",
    "status": "Another status.",
    "uses": "Other allowed or prohibited uses.",
    "classification": "Another data classification.",
    "item": "Another item or canonical label.",
    "decided": "Reviewed, or its constraints set, by somebody else or at another time.",
}
_COLUMNS: Final = {
    "edited": ("text", "tools"),
    "status": ("status",),
    "uses": ("allowed_uses", "prohibited_uses", "label_allowed_uses", "label_prohibited_uses", "usage_reason"),
    "classification": ("data_classification", "label_data_classification"),
    "item": ("item_ref", "canonical_label_id"),
    "decided": ("reviewed_by", "reviewed_at", "constraints_set_by", "constraints_set_at"),
}
_FETCHED: Final = tuple(name for names in _COLUMNS.values() for name in names if name != "text")
_SAME: Final = "\n    UNION ALL ".join(
    f"SELECT one.pair_id AS was, two.pair_id AS now, '{change}' AS change FROM one JOIN two USING (pair_id) WHERE "  # noqa: S608
    + " OR ".join(f"one.{name} IS DISTINCT FROM two.{name}" for name in names)
    for change, names in _COLUMNS.items()
)
_CHANGED: Final = f"""
CREATE TEMP TABLE changed AS
WITH one AS (SELECT DISTINCT ON (pair_id) * FROM old_pairs), two AS (SELECT DISTINCT ON (pair_id) * FROM new_pairs),
gone AS (SELECT * FROM one ANTI JOIN two USING (pair_id)), fresh AS (SELECT * FROM two ANTI JOIN one USING (pair_id)),
same AS (
    SELECT min(gone.pair_id) AS was, fresh.pair_id AS now, 'renamed' AS change
    FROM gone JOIN fresh ON gone.text = fresh.text AND gone.tools IS NOT DISTINCT FROM fresh.tools GROUP BY now
)
SELECT was, now, change FROM (
    {_SAME}
    UNION ALL SELECT * FROM same
    UNION ALL SELECT pair_id, pair_id, 'removed' FROM gone ANTI JOIN same ON pair_id = was
    UNION ALL SELECT pair_id, pair_id, 'added' FROM fresh ANTI JOIN same ON pair_id = now
)
"""  # noqa: S608 - built from our own names


@dataclass(frozen=True, slots=True)
class ChangedPair:
    """A pair that changed, and how."""

    #: Its id in the new sheet, or in the old one where only that has it.
    pair_id: str
    #: Its id in the old sheet, where that is another one.
    was: str | None
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetDiff:
    """How many pairs changed in each way, and the first of them in the order of their ids."""

    counts: dict[str, int]
    pairs: tuple[ChangedPair, ...]
    total: int


def diff(old: OpenSheet, new: OpenSheet, *, limit: int = 100) -> SheetDiff:
    """Compare two open sheets. Reads only; no text leaves the engine that holds it."""
    with duckdb.connect() as engine:
        for name, opened in (("old_pairs", old), ("new_pairs", new)):
            engine.register(name, _fetched(opened))
        engine.execute(_CHANGED)
        counts = dict(engine.execute("SELECT change, count(*) FROM changed GROUP BY change").fetchall())
        page = engine.execute(
            "SELECT now, was, list(change) FROM changed GROUP BY now, was ORDER BY now LIMIT ?", [limit]
        ).fetchall()
        (total,) = engine.execute("SELECT count(DISTINCT (now, was)) FROM changed").fetchall()[0]
    order = list(CHANGES)
    pairs = tuple(
        ChangedPair(now, was if was != now else None, tuple(sorted(changes, key=order.index)))
        for now, was, changes in page
    )
    return SheetDiff({change: counts.get(change, 0) for change in CHANGES}, pairs, total)


def _fetched(opened: OpenSheet) -> pa.Table:
    """Everything of the pairs that is compared. Pairs without an id cannot be known again and are left out."""
    pairs = opened.pairs.filter(opened.pairs.pair_id.notnull())
    table = pairs.select("pair_id", *_FETCHED, text=row_hash(opened.engine.dialect.rendered(pairs.messages)))
    with opened.engine.fetch(table) as fetched:
        return fetched.to_pyarrow()
