"""Rows that look edited or gone, and whose example the sheet still has: written otherwise, or under another id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.datasets.judging import copies_plan
from training_pipeline.datasets.stored_examples import stored_copies
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet

#: What a row is said to be whose text is not that of the sheet, or is not there under its id.
TEXTS: Final = ("relabelled", "vanished")


def unless_copied(found: pa.Table, judged: ir.Table, opened: OpenSheet, datasets: Sequence[DatasetRef]) -> pa.Table:
    """The rows that were found changed, without those whose text is a copy of what the sheet has and permits.

    One of which that may not be validated on any more, and was, lost that permission. Where the text of a dataset is
    gone, its rows stay as they were found. Reads the text of the sheet once more.
    """
    used = _used(found, datasets)
    if not used:
        return found
    plan = copies_plan(opened.engine.dialect)
    verdict = judged.select("pair_id", "reason", "may_validate", "kept_id")
    with (
        disk_errors("compare the pairs"),
        opened.engine.work_out(plan, opened.pairs) as table,
        opened.engine.fetch(table) as copies,
    ):
        now = copies.inner_join(verdict, "pair_id").to_pyarrow().to_pylist()
    here = {one["pair_id"]: one["copy_hash"] for one in now}
    # Whether any pair with this text may be validated on; no entry where none may be trained on.
    permitted: dict[str, bool] = {}
    for one in now:
        if one["reason"] in {None, str(Reason.DUPLICATE)}:
            permitted[one["copy_hash"]] = permitted.get(one["copy_hash"], False) or bool(one["may_validate"])
    return pa.Table.from_pylist(
        [row for one in found.to_pylist() for row in _row(one, used, here, permitted)], found.schema
    )


def _row(
    row: dict[str, Any], used: Mapping[str, str], here: Mapping[str, str], permitted: Mapping[str, bool]
) -> list[dict[str, Any]]:
    """The row as it is, as one that may only not be validated on any more, or none."""
    copied = used.get(row["row_hash"]) if row["source"] in TEXTS else None
    if copied is None or copied not in permitted:
        return [row]
    if row["source"] == "relabelled" and here.get(row["pair_id"]) != copied:
        return [row]
    if not row["validates"] or permitted[copied]:
        return []
    return [{**row, "source": "lost_permission", "validation_only": True}]


def _used(found: pa.Table, datasets: Sequence[DatasetRef]) -> dict[str, str]:
    """What each row in question is a copy by, by its hash as manifests have it; as far as a text is there."""
    wanted = {row["row_hash"] for row in found.to_pylist() if row["source"] in TEXTS}
    used: dict[str, str] = {}
    for dataset in datasets:
        try:
            used |= stored_copies(dataset, wanted - used.keys())
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
            continue  # damaged: it tells nothing
    return used
