"""Compare the pairs that a dataset was made of with their training sheet as it is now.

`recheck` asks right before training whether every pair may still be trained on as it stands; `changes` counts what has
come, gone and changed since, for whoever decides whether to train again. Neither judges an unchanged sheet again.
"""

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
from training_pipeline.domain.retraining import Changes
from training_pipeline.domain.rules.policy import NOT_PERMITTED, GatePolicy, Reason
from training_pipeline.sheets.base import OpenSheet

#: What may have happened to a pair beside a gate that shut.
TEXT_CHANGED: Final = "text_changed"
VALIDATION_NOT_PERMITTED: Final = "validation_not_permitted"
_MISSING: Final = "missing"
#: How many pairs are named at most.
_NAMED: Final = 20
#: Reasons that take a pair's permission away, by its own constraints or for the sake of another pair.
_PROHIBITING: Final = [
    str(reason) for reason in (*NOT_PERMITTED, Reason.IDENTICAL_TO_PROHIBITED, Reason.HELD_OUT_PROMPT)
]


class RecheckResult(BaseModel):
    """The result of checking the included pairs of a dataset again."""

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
        """Raise `GovernanceChanged` saying what changed, unless nothing did."""
        parts = [f"{count:,} {what}" for what, count in self.changed.items()]
        parts += [f"{self.missing:,} missing"] if self.missing else []
        if parts:
            raise GovernanceChanged(
                f"Of {self.checked:,} pairs of training sheet {sheet_id!r} that were to be trained on, some no longer "
                f"may: {', '.join(parts)} (such as {', '.join(self.pair_ids)}).",
                hint="Retry the job: the pairs are then checked again.",
            )


def recheck(opened: OpenSheet, dataset: DatasetRef, policy: GatePolicy) -> RecheckResult:
    """Judge the sheet again and compare. Reads only.

    Raises `GateRefused` where the training sheet itself may no longer be trained on. An unchanged sheet (same digest,
    same policy) is not read again.
    """
    require_trainable(opened.sheet)
    included = _included(dataset)
    if _is_unchanged(opened, dataset, policy):
        return RecheckResult(checked=len(included), changed={}, missing=0)
    trained = ibis.memtable(included)
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
        findings = now.select(pair_id=now.trained_id, finding=finding).filter(ibis._.finding.notnull()).distinct()
        counts = findings.group_by("finding").agg(pairs=lambda group: group.count()).order_by("finding").to_pandas()
        named = findings.order_by("pair_id").limit(_NAMED).pair_id.to_pandas()
    changed = {str(row.finding): int(row.pairs) for row in counts.itertuples()}
    return RecheckResult(
        checked=len(included),
        missing=changed.pop(_MISSING, 0),
        changed=changed,
        pair_ids=tuple(named),
    )


def changes(opened: OpenSheet, dataset: DatasetRef, policy: GatePolicy) -> Changes:
    """Compare the pairs that `dataset` was made of with the sheet as it is now. Reads only.

    An unchanged sheet (same digest, same policy) is not judged again. A pair of the validation split that may no longer
    be validated on counts as newly prohibited, for validation leaves its trace in a model too. A pair that became a
    copy of another one is neither: nothing was taken back.
    """
    included = _included(dataset)
    if _is_unchanged(opened, dataset, policy):
        return Changes(eligible=len(included))
    trained = ibis.memtable(included)
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
        findings = both.select(
            pair=ibis.coalesce(both.trained_id, both.pair_id), finding=finding, eligible=now.cast("int64")
        ).cache()
        counts = findings.group_by("finding").agg(pairs=lambda group: group.pair.nunique()).to_pandas()
        eligible = int(findings.eligible.sum().execute() or 0)
        named = findings.filter(findings.finding == "newly_prohibited").select("pair").distinct().order_by("pair")
        ids = tuple(named.limit(_NAMED).pair.to_pandas())
        findings.release()
    by_finding = {str(row.finding): int(row.pairs) for row in counts.itertuples() if isinstance(row.finding, str)}
    return Changes(**by_finding, eligible=eligible, prohibited_ids=ids)


def _included(dataset: DatasetRef) -> pa.Table:
    """The pairs that were trained or validated on: id, hash of the text, and whether it was validation. Reads."""
    pairs = pq.read_table(
        dataset.manifest_file, columns=["pair_id", "row_hash", "split"], filters=pc.field("split").is_valid()
    )
    validates = pc.equal(pairs["split"], "validation")
    return pa.table({"trained_id": pairs["pair_id"], "trained_hash": pairs["row_hash"], "validates": validates})


def _is_unchanged(opened: OpenSheet, dataset: DatasetRef, policy: GatePolicy) -> bool:
    """Whether judging the sheet again would come to the same: the same content, by its digest, and the same policy."""
    return opened.digest == dataset.sheet_digest and policy == dataset.policy
