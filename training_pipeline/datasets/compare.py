"""Compare the pairs that a dataset was made of with their training sheet as it is now.

`recheck` asks whether every pair may still be trained on as it stands; `changes` counts what has
come, gone and changed since, for whoever decides whether to train again. Neither judges an unchanged sheet again.
"""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from training_pipeline.datasets.comparable_hashes import Space, rows_in, with_sheet
from training_pipeline.datasets.keyed import keyed_table
from training_pipeline.datasets.recheck_result import MISSING, MOST_PAIR_IDS, NAMED, Pairs, RecheckResult
from training_pipeline.datasets.snapshot import require_trainable
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.retraining import Changes
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.constraints import strictness
from training_pipeline.domain.rules.policy import NOT_PERMITTED, OF_OTHER_QUESTIONS, GatePolicy, Reason
from training_pipeline.domain.rules.turns import is_outright
from training_pipeline.sheets.base import OpenSheet

#: What may have happened to a pair beside a gate that shut.
TEXT_CHANGED: Final = "text_changed"
VALIDATION_NOT_PERMITTED: Final = "validation_not_permitted"
#: It now shares its item or its canonical label with a pair on the other side of the split.
TIED_ACROSS: Final = "tied_across_the_split"
_TIES: Final = ("item_ref", "canonical_label_id")
#: Reasons that take a pair's permission away, by its own constraints or for the sake of another pair.
_PROHIBITING: Final = [
    str(reason) for reason in (*NOT_PERMITTED, Reason.IDENTICAL_TO_PROHIBITED, Reason.HELD_OUT_PROMPT)
]


def recheck(
    opened: OpenSheet, dataset: DatasetRef, policy: GatePolicy, *, begun: bool = False, keys: HashKeys = NO_KEYS
) -> RecheckResult:
    """Judge the sheet again and compare. Reads only.

    Once training has `begun`, another text is no reason to stop: what was trained on was approved, and nobody took that
    back. Raises `GateRefused` where the training sheet itself may no longer be trained on. An unchanged sheet (same
    digest, same policy) is not read again.

    `keys` are for hashes under one. Where the texts cannot be compared, everything else is, and `text_known` says so.
    """
    require_trainable(opened.sheet)
    if _is_unchanged(opened, dataset, policy):
        return RecheckResult(checked=len(_included(dataset, None, keys)), changed={}, missing=0)
    space = with_sheet(dataset, keys)
    included = _included(dataset, space, keys)
    trained = ibis.memtable(included)
    with verdicts(opened, policy) as judged:
        table = _hashed_in(judged, space)
        now = trained.left_join(table, trained.trained_id == table.pair_id)
        # A copy that was added since makes a pair a duplicate; nothing was taken back.
        copied = (now.reason == str(Reason.DUPLICATE)).fill_null(False)
        shut = ibis.cases((copied, ibis.null("string")), else_=now.reason)
        validating = table.filter(table.reason.isnull() & table.may_validate)
        may_validate = now.may_validate | (copied & now.kept_id.isin(validating.pair_id)).fill_null(False)
        edited = ibis.literal(False) if space is None else ~(now.row_hash == now.trained_hash).fill_null(False)
        stated = edited & now.trained_hash.isin(table.filter(table.prohibited & table.row_hash.notnull()).row_hash)
        asked = edited & now.trained_id.isin(_asking(trained, table).asking_id)
        stricter = (strictness(now.classification) > strictness(now.trained_classification)).fill_null(False)
        finding = ibis.cases(
            (now.pair_id.isnull(), MISSING),
            (shut.notnull(), shut),
            # It was trained on as it was, whatever stands under its id now.
            (stated.fill_null(False), str(Reason.IDENTICAL_TO_PROHIBITED)),
            (asked.fill_null(False), str(Reason.HELD_OUT_PROMPT)),
            *([] if begun else [(edited, TEXT_CHANGED)]),
            (now.validates & ~may_validate, VALIDATION_NOT_PERMITTED),
            (_tied_across(now), TIED_ACROSS),
        )
        found = now.select(pair=now.trained_id, finding=finding, edited=edited, raised=stricter).cache()
        try:
            # A pair id that several rows now have is one pair, and invalid.
            findings = found.filter(found.finding.notnull()).select("pair", "finding").distinct()
            counts = findings.group_by("finding").agg(pairs=lambda group: group.count()).order_by("finding").to_pandas()
            kept = found.filter(found.finding.isnull())
            raised, reworded = _pairs(kept.filter(kept.raised)), _pairs(kept.filter(kept.edited))
            named = _pairs(findings)
        finally:
            found.release()
    changed = {str(row.finding): int(row.pairs) for row in counts.itertuples()}
    return RecheckResult(
        checked=len(included),
        missing=changed.pop(MISSING, 0),
        changed=changed,
        pair_ids=named.ids,
        raised=raised,
        edited=reworded,
        text_known=space is not None,
    )


def _asking(trained: ir.Table, table: ir.Table) -> ir.Table:
    """`asking_id`: the pairs that asked, when they were trained on, what a held-out pair asks now."""
    held_out = table.filter(table.held_out & ~table.instruction & table.prompt_hash.notnull())
    each = held_out.select(question=held_out.prompt_hash.split(" ").unnest())
    reserved = each.filter(is_outright(each.question))
    asked = trained.select(asking_id=trained.trained_id, hash=trained.trained_questions.split(" ").unnest())
    asked = asked.mutate(question=ibis.cases((is_outright(asked.hash), asked.hash), else_=asked.hash.substr(1)))
    return asked.semi_join(reserved, "question").select("asking_id").distinct()


def _tied_across(now: ir.Table) -> ir.BooleanValue:
    """Whether a pair shares its item or its canonical label, as they are now, with one on the other side.

    Questions need no look: those that were trained on are the same as long as the text is, and another text is told.
    """
    ties = ibis.literal(False)
    for name in _TIES:
        same = ibis.window(group_by=now[name])
        validates = now.validates.cast("int8")
        both = validates.max().over(same) > validates.min().over(same)
        ties |= now[name].notnull() & both
    return ties


def _pairs(table: ir.Table) -> Pairs:
    ids = table.select("pair").distinct().order_by("pair")
    count = int(ids.count().execute())
    return Pairs(count=count, ids=tuple(ids.limit(MOST_PAIR_IDS).pair.to_pandas()) if count else ())


def changes(
    opened: OpenSheet,
    dataset: DatasetRef,
    policy: GatePolicy,
    *,
    withdrawn: Withdrawn = NOTHING,
    keys: HashKeys = NO_KEYS,
) -> Changes:
    """Compare the pairs that `dataset` was made of with the sheet as it is now. Reads only.

    An unchanged sheet (same digest, same policy) is not judged again. A pair of the validation split that may no longer
    be validated on counts as newly prohibited, for validation leaves its trace in a model too. A pair that became a
    copy of another one is neither: nothing was taken back. What is `withdrawn` was removed, whatever the sheet says.
    A text that nobody can compare counts as unchanged: a key that was destroyed is no reason to train again.
    """
    if _is_unchanged(opened, dataset, policy):
        return Changes(eligible=len(_included(dataset, None, keys)))
    space = with_sheet(dataset, keys)
    included = _included(dataset, space, keys)
    trained = ibis.memtable(included)
    with verdicts(opened, policy, withdrawn=withdrawn) as judged:
        table = _hashed_in(judged, space)
        both = trained.outer_join(table, trained.trained_id == table.pair_id)
        was, now = both.trained_id.notnull(), (both.pair_id.notnull() & both.reason.isnull()).fill_null(False)
        duplicate = (both.reason == str(Reason.DUPLICATE)).fill_null(False)
        # A copy of a pair that was trained on adds nothing; which of two copies is kept may change.
        copied = table.filter(table.pair_id.isin(trained.trained_id) & table.kept_id.notnull()).kept_id
        known_text = (both.row_hash.isin(trained.trained_hash) | both.pair_id.isin(copied)).fill_null(False)
        barred = both.reason.isin(_PROHIBITING) | (both.validates & both.reason.isnull() & ~both.may_validate)
        finding = ibis.cases(
            (was & barred.fill_null(False), "newly_prohibited"),
            (was & ~now & ~duplicate, "removed"),
            (was & now & (both.row_hash != both.trained_hash).fill_null(False), "edited"),
            (~was & now & ~known_text, "added"),
        )
        findings = both.select(
            pair=ibis.coalesce(both.trained_id, both.pair_id), finding=finding, eligible=now.cast("int64")
        ).cache()
        counts = findings.group_by("finding").agg(pairs=lambda group: group.pair.nunique()).to_pandas()
        eligible = int(findings.eligible.sum().execute() or 0)
        named = findings.filter(findings.finding == "newly_prohibited").select("pair").distinct().order_by("pair")
        ids = tuple(named.limit(NAMED).pair.to_pandas())
        findings.release()
    by_finding = {str(row.finding): int(row.pairs) for row in counts.itertuples() if isinstance(row.finding, str)}
    return Changes(**by_finding, eligible=eligible, prohibited_ids=ids)


def _hashed_in(judged: ir.Table, space: Space | None) -> ir.Table:
    return judged if space is None else keyed_table(judged, space.key)


def _included(dataset: DatasetRef, space: Space | None, keys: HashKeys) -> pa.Table:
    """The pairs that were trained or validated on: id, hash of the text in this space (null where there is none), those
    of its questions (null where they are of another form), classification, and whether it was validation. Reads.
    """
    columns = ["pair_id", "split", "classification"]
    known = space is not None and space.key_id == dataset.hash_key and dataset.policy.version not in OF_OTHER_QUESTIONS
    pairs = rows_in(dataset, space, keys, [*columns, "prompt_hash"] if known else columns)
    return pa.table(
        {
            "trained_id": pairs["pair_id"],
            "trained_hash": pairs["comparable_hash"],
            "trained_questions": pairs["prompt_hash"] if known else pa.nulls(len(pairs), pa.string()),
            "trained_classification": pairs["classification"],
            "validates": pc.equal(pairs["split"], "validation"),
        }
    )


def _is_unchanged(opened: OpenSheet, dataset: DatasetRef, policy: GatePolicy) -> bool:
    """Whether judging the sheet again would come to the same: the same content, by its digest, and the same policy."""
    return opened.digest == dataset.sheet_digest and policy == dataset.policy
