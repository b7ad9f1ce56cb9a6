"""Ask the source again about the pairs of a dataset, right before they are trained on."""

from __future__ import annotations

from typing import Final

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from training_pipeline.datasets.snapshot import require_trainable
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.errors import GovernanceChanged
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.sheets.base import OpenSheet

#: What may have happened to a pair beside a gate that shut.
TEXT_CHANGED: Final = "text_changed"
VALIDATION_NOT_PERMITTED: Final = "validation_not_permitted"

_NAMED = 20


class RecheckResult(BaseModel):
    """What became of the included pairs of a dataset."""

    model_config = ConfigDict(frozen=True)

    checked: int
    #: Pairs that may not be trained on as they stand in the dataset: a `Reason`, `text_changed`, or
    #: `validation_not_permitted` for a pair of the validation split; only what occurred.
    changed: dict[str, int]
    #: Pairs that are no longer in the training sheet.
    missing: int
    #: Some of the pairs that changed.
    pair_ids: tuple[str, ...] = ()

    def require_unchanged(self, sheet_id: str) -> None:
        """Raise `GovernanceChanged` saying what changed, unless nothing did. Pure."""
        parts = [f"{count:,} {what}" for what, count in self.changed.items()]
        parts += [f"{self.missing:,} missing"] if self.missing else []
        if parts:
            raise GovernanceChanged(
                f"Of {self.checked:,} pairs of training sheet {sheet_id!r} that were to be trained on, some no longer "
                f"may: {', '.join(parts)} (such as {', '.join(self.pair_ids)}).",
                hint="Retry the job: it judges the pairs as they are now.",
            )


def recheck(opened: OpenSheet, dataset: DatasetRef, policy: GatePolicy) -> RecheckResult:
    """Judge the sheet again and compare. Reads only.

    Raises `GateRefused` where the training sheet itself may no longer be trained on. An unchanged sheet (same digest,
    same policy) is not read again.
    """
    require_trainable(opened.sheet)
    included = pq.read_table(
        dataset.manifest_file, columns=["pair_id", "row_hash", "split"], filters=pc.field("split").is_valid()
    )
    if opened.digest == dataset.sheet_digest and policy == dataset.policy:
        return RecheckResult(checked=len(included), changed={}, missing=0)
    trained = ibis.memtable(
        pa.table(
            {
                "trained_id": included["pair_id"],
                "trained_hash": included["row_hash"],
                "validates": pc.equal(included["split"], "validation"),
            }
        )
    )
    with verdicts(opened, policy) as table:
        now = trained.left_join(table, trained.trained_id == table.pair_id)
        same_text = (now.row_hash == now.trained_hash).fill_null(False)
        # A copy that was added since makes a pair a duplicate; nothing was taken back.
        shut = ibis.cases((now.reason == str(Reason.DUPLICATE), ibis.null("string")), else_=now.reason)
        finding = ibis.cases(
            (now.pair_id.isnull(), _MISSING),
            (shut.notnull(), shut),
            (~same_text, TEXT_CHANGED),
            (now.validates & ~now.may_validate, VALIDATION_NOT_PERMITTED),
        )
        # A pair id that several rows now have is one pair, and invalid.
        found = now.select(pair_id=now.trained_id, finding=finding).filter(ibis._.finding.notnull()).distinct()
        counts = found.group_by("finding").agg(pairs=lambda group: group.count()).order_by("finding").to_pandas()
        named = found.order_by("pair_id").limit(_NAMED).pair_id.to_pandas()
    changed = {str(row.finding): int(row.pairs) for row in counts.itertuples()}
    return RecheckResult(
        checked=len(included),
        missing=changed.pop(_MISSING, 0),
        changed=changed,
        pair_ids=tuple(named),
    )


_MISSING: Final = "missing"
