"""What of a suite may still be evaluated on, as its training sheets are now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Final, NamedTuple

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.errors import GateRefused, NotFound
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.usage import Use
from training_pipeline.models.evaluation.suite import Suite, require_evaluable, rows_of
from training_pipeline.sheets.base import OpenSheet, TrainingSheetSource

#: Why a pair is left out, beside the reasons of a gate that shut.
MISSING: Final = "missing"
TEXT_CHANGED: Final = "text_changed"
SHEET_MISSING: Final = "sheet_missing"
SHEET_NOT_APPROVED: Final = "sheet_not_approved"
#: The column that says so; null for a pair that may be evaluated on as it stands in the suite.
AGED: Final = "aged"


class SheetNow(NamedTuple):
    """The pairs that a suite has of one sheet, with the column `AGED`, and, while the sheet is open, the text of those
    that are not aged: `pair_id`, `messages` and `tools`. Null where all are. Their classification is that of now.
    """

    rows: pa.Table
    texts: ir.Table | None


def sheets_now(source: TrainingSheetSource, policy: GatePolicy, suite: Suite) -> Iterator[SheetNow]:
    """Each sheet of a suite as it is now, open until the next one is asked for. Reads only.

    A sheet that is the one that it was is not judged again. Raises what the source raises, but for a sheet that is not
    there any more, and `Lost` where the suite itself is damaged.
    """
    for rows, opened in _looked_at(source, policy, suite):
        kept = rows.filter(pc.is_null(rows[AGED]))
        if opened is None or not len(kept):
            yield SheetNow(rows, None)
            continue
        with texts(opened, policy, use=Use.EVALUATION) as read:
            wanted = ibis.memtable(pa.table({"kept_id": kept["pair_id"]}))
            yield SheetNow(rows, read.semi_join(wanted, read.pair_id == wanted.kept_id))


def aged_now(source: TrainingSheetSource, policy: GatePolicy, suite: Suite) -> dict[str, int]:
    """How many pairs of a suite may not be evaluated on any more, by reason. Reads the sheets, and no text of a remote
    one. Raises as `sheets_now` does.
    """
    total: Counter[str] = Counter()
    for rows, _ in _looked_at(source, policy, suite):
        total.update(aged(rows))
    return dict(sorted(total.items()))


def _looked_at(
    source: TrainingSheetSource, policy: GatePolicy, suite: Suite
) -> Iterator[tuple[pa.Table, OpenSheet | None]]:
    """The rows of each sheet with `AGED`, and the sheet itself, open until the next one is asked for; null where it is
    gone or not approved.
    """
    frozen = rows_of(suite)
    for sheet in suite.sheets:
        rows = frozen.filter(pc.equal(frozen["training_sheet_id"], sheet.training_sheet_id))
        with ExitStack() as held:
            try:
                opened = held.enter_context(source.open(sheet.training_sheet_id))
                require_evaluable(opened.sheet)
            except (NotFound, GateRefused) as error:
                gone = SHEET_MISSING if isinstance(error, NotFound) else SHEET_NOT_APPROVED
                yield _with(rows, [gone] * len(rows)), None
                continue
            is_as_it_was = opened.digest == sheet.digest and policy == suite.policy
            now = _with(rows, [None] * len(rows)) if is_as_it_was else _judged_again(opened, policy, rows)
            yield now, opened


def aged(rows: pa.Table) -> dict[str, int]:
    """How many of these rows are left out, by reason."""
    counts = pc.value_counts(rows[AGED].drop_null()).to_pylist()
    return {each["values"]: each["counts"] for each in sorted(counts, key=lambda each: str(each["values"]))}


def _judged_again(opened: OpenSheet, policy: GatePolicy, rows: pa.Table) -> pa.Table:
    """The rows with why each is left out, null where it is not, and the classification that each has now."""
    wanted = ibis.memtable(pa.table({"kept_id": rows["pair_id"], "kept_hash": rows["row_hash"]}))
    with verdicts(opened, policy, use=Use.EVALUATION) as judged:
        now = wanted.left_join(judged, wanted.kept_id == judged.pair_id)
        shut = now.reason.nullif(str(Reason.DUPLICATE))  # a copy that came since takes nothing back
        finding = ibis.cases(
            (now.pair_id.isnull(), MISSING),
            (shut.notnull(), shut),
            (~(now.row_hash == now.kept_hash).fill_null(False), TEXT_CHANGED),
        )
        # A pair id that several rows now have is one pair, and invalid.
        found = now.select("kept_id", "classification", finding=finding).distinct().to_pyarrow()
    by_id = {row["kept_id"]: row for row in found.to_pylist()}
    of_rows = [by_id[pair_id] for pair_id in rows["pair_id"].to_pylist()]
    place = rows.schema.get_field_index("classification")
    classified = pa.array([row["classification"] for row in of_rows], pa.string())
    return _with(rows.set_column(place, rows.schema.field(place), classified), [row["finding"] for row in of_rows])


def _with(rows: pa.Table, findings: Iterable[str | None]) -> pa.Table:
    return rows.append_column(AGED, pa.array(findings, pa.string()))
