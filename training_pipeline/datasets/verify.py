"""An independent check of a dataset before it is trained on, by other means than those it was made with.

The gates and the split decide; this asks, in plainer words and from what is stored, whether they kept their promises.
"""

from __future__ import annotations

from typing import Final

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from training_pipeline.datasets.judging import held_out_plan
from training_pipeline.datasets.keyed import keyed_questions
from training_pipeline.datasets.prepare import required_key
from training_pipeline.datasets.snapshot import included_rows
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.refs import DatasetRef, SnapshotRef
from training_pipeline.domain.rules.constraints import names, words
from training_pipeline.domain.rules.text.characters import is_blank, word_of
from training_pipeline.domain.rules.turns import is_outright
from training_pipeline.domain.usage import REVIEW_WORDS, Status, Use, constraints_from_tags
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet

_NAMED: Final = 20
_LABELED: Final = [str(Status.LABELED), *(word for word, status in REVIEW_WORDS.items() if status is Status.LABELED)]

#: What ties two pairs, each with the number of its values that stand on both sides of the split.
_TORN: Final = """
WITH pairs AS (
    SELECT manifest.split, manifest.component, manifest.item_ref, manifest.canonical_label_id,
        CASE WHEN NOT snapshot.instruction THEN snapshot.prompt_hash END AS prompt
    FROM read_parquet($manifest) AS manifest JOIN read_parquet($snapshot) AS snapshot USING (pair_id)
    WHERE manifest.split IS NOT NULL
), ties AS (
    SELECT split, unnest([
        'component ' || component, 'item ' || item_ref, 'label ' || canonical_label_id
    ]) AS tie FROM pairs
    UNION ALL SELECT split, 'prompt ' || unnest(string_split(prompt, ' ')) FROM pairs
)
SELECT count(*) FROM (
    SELECT tie FROM ties WHERE tie IS NOT NULL AND tie NOT LIKE 'prompt +%'
    GROUP BY tie HAVING count(DISTINCT split) > 1
)
"""


class Finding(BaseModel):
    """How many pairs broke a promise, of how many that were looked at, and some of their ids."""

    model_config = ConfigDict(frozen=True)

    checked: int
    broken: int
    pair_ids: tuple[str, ...] = ()


def gate_failures(opened: OpenSheet, taken: SnapshotRef) -> Finding:
    """Included pairs that the source does not call approved, or does not allow to be trained on. Reads only."""
    included = included_rows(taken, ["pair_id"])
    chosen = ibis.memtable(pa.table({"included_id": included["pair_id"]}))
    prohibited = Use.TRAINING in constraints_from_tags(opened.sheet.tags).prohibits
    is_open = _open(opened.pairs, prohibited=prohibited)
    if taken.policy.require_constraints_set_by:
        is_open &= ~is_blank(opened.pairs.constraints_set_by)
    said = opened.pairs.select("pair_id", open=is_open)
    with disk_errors("look at the included pairs again"), opened.engine.fetch(said) as pairs:
        now = chosen.left_join(pairs, chosen.included_id == pairs.pair_id)
        ids = now.filter(~now.open.fill_null(False)).select("included_id").distinct()
        broken = int(ids.count().execute())
        named = ids.order_by("included_id").limit(_NAMED).included_id.to_pandas() if broken else ()
    return Finding(checked=len(included), broken=broken, pair_ids=tuple(named))


def _open(pairs: ir.Table, *, prohibited: bool) -> ir.BooleanValue:
    """Whether a person reading the row would say that both gates are open. What is missing denies."""
    return (
        word_of(pairs.status).isin(_LABELED).fill_null(False)
        & names(words(pairs.allowed_uses), Use.TRAINING).fill_null(False)
        & ~names(words(pairs.prohibited_uses), Use.TRAINING).fill_null(True)
        & names(words(pairs.label_allowed_uses), Use.TRAINING).fill_null(True)
        & ~names(words(pairs.label_prohibited_uses), Use.TRAINING).fill_null(False)
        & ibis.literal(not prohibited)
    )


def torn_ties(taken: SnapshotRef, dataset: DatasetRef) -> Finding:
    """Items, canonical labels, questions and components that stand on both sides of the split. Reads only."""
    files = {"manifest": str(dataset.manifest_file), "snapshot": str(taken.pairs_file)}
    with duckdb.connect() as engine:
        torn = engine.execute(_TORN, files).fetchone()
    return Finding(checked=dataset.report.components, broken=torn[0] if torn else 0)


def held_out_in_train(opened: OpenSheet, taken: SnapshotRef, keys: HashKeys = NO_KEYS) -> Finding:
    """Included pairs whose question is also asked by a pair that is held out for evaluation or testing. Reads only.

    Raises `SheetChanged` where the key of the snapshot's hashes is gone.
    """
    key = required_key(taken, keys)
    included = included_rows(taken, ["pair_id", "prompt_hash", "instruction"])
    tied = included.filter(pc.invert(included["instruction"]))
    chosen = ibis.memtable(
        pa.table({"included_id": tied["pair_id"], "asked": pc.split_pattern(tied["prompt_hash"], " ")})
    )
    engine = opened.engine
    plan = held_out_plan(engine.dialect, constraints_from_tags(opened.sheet.tags), taken.policy)
    with (
        disk_errors("look for held-out questions"),
        engine.work_out(plan, opened.pairs) as asked,
        engine.fetch(asked) as held_out,
    ):
        each = keyed_questions(held_out.select(asked=held_out.asked.split(" ").unnest()), "asked", key)
        outright = each.filter(is_outright(each.asked))
        leaked = chosen.unnest("asked").semi_join(outright, "asked").select("included_id").distinct()
        broken = int(leaked.count().execute())
        named = leaked.order_by("included_id").limit(_NAMED).included_id.to_pandas() if broken else ()
    return Finding(checked=len(included), broken=broken, pair_ids=tuple(named))
