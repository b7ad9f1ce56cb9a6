"""How many tokens the pairs have that may be trained on: by the base model's own tokenizer where it is on this machine,
and else estimated from their characters.
"""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.plan import Plan
from training_pipeline.backends.rehearsal import Rehearsing
from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.rehearsed_pairs import included_ids, rehearse_pairs
from training_pipeline.domain.advice.facts import TokenLengths
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet

#: Characters of a token, and tokens that a chat template writes around a message: common for Latin script.
CHARACTERS: Final = 4
AROUND: Final = 4
#: Pairs that a tokenizer reads: of more, a sample.
MOST_READ: Final = 5000


class SheetLengths(BaseModel):
    """Lengths of pairs. `is_estimate` says that no tokenizer was asked; `pairs` of `eligible` were measured."""

    model_config = ConfigDict(frozen=True)

    lengths: TokenLengths
    is_estimate: bool
    pairs: int
    eligible: int


def tokenizer_of(backend: FineTuningBackend, base_model: str) -> str | None:
    """Which tokenizer can be asked here for this base model; another text for another one, null for none. Reads."""
    return backend.tokenizer(base_model) if isinstance(backend, Rehearsing) else None


def sheet_lengths(
    opened: OpenSheet,
    policy: GatePolicy,
    backend: FineTuningBackend,
    plan: Plan,
    *,
    withdrawn: Withdrawn = NOTHING,
) -> SheetLengths:
    """Measure the pairs that pass both gates; a tokenizer that could not be asked makes it an estimate.

    The tokenizer is asked as the trainer asks it, in a process of its own, with the text of a sample in a directory
    that is gone afterwards.
    """
    ids = included_ids(opened, policy, withdrawn)
    is_known = tokenizer_of(backend, plan.base_model) is not None
    if isinstance(backend, Rehearsing) and is_known and len(ids) > 1:
        counted = rehearse_pairs(opened, policy, backend, plan, ids.slice(0, MOST_READ)).lengths
        if counted is not None:
            return SheetLengths(lengths=counted, is_estimate=False, pairs=counted.examples, eligible=len(ids))
    with texts(opened, policy) as read, disk_errors("measure the pairs"):
        estimated = estimated_lengths(read, ids)
    return SheetLengths(lengths=estimated, is_estimate=True, pairs=estimated.examples, eligible=len(ids))


def estimated_lengths(read: ir.Table, ids: pa.ChunkedArray) -> TokenLengths:
    """The lengths of these pairs among the `texts` of a sheet, by characters, whatever they are written in. No text is
    kept.
    """
    wanted = ibis.memtable(pa.table({"wanted_id": ids}))
    said = read.semi_join(wanted, read.pair_id == wanted.wanted_id)
    characters = said.messages.map(
        lambda message: message["content"].length().fill_null(0) + message["tool_calls"].length().fill_null(0)
    ).sums()
    whole = characters + said.tools.length().fill_null(0)
    tokens = (whole / CHARACTERS).ceil() + AROUND * said.messages.length()
    each = said.select(tokens=tokens.cast("int64")).group_by("tokens").agg(pairs=ibis._.count())
    found = each.order_by("tokens").to_pyarrow()
    return TokenLengths(
        counts=dict(zip(*(pc.cast(found[name], pa.int64()).to_pylist() for name in found.column_names), strict=True))
    )
