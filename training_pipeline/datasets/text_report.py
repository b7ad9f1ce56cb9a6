"""What the texts of the included pairs hold: control tokens, and questions that nearly are held-out ones."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from training_pipeline.datasets.near_held_out import near_held_out
from training_pipeline.datasets.questions import Questions
from training_pipeline.domain.export_summary import SheetWarning
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.pairs_in_words import listed
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.split_report import MOST_NAMED, TextReport
from training_pipeline.domain.storable import storable
from training_pipeline.sheets.base import OpenSheet


def text_report(
    opened: OpenSheet, policy: GatePolicy, included: pa.Table, asked: Questions, key: HashKey | None = None
) -> TextReport:
    """What there is to say of the texts of all included pairs; see `near_held_out` for the arguments. Reads only.

    Held-out questions are read where no network is between: those in a warehouse stay there, as does all text of pairs
    that are left out.
    """
    near = None
    if policy.near_question_similarity and not opened.engine.is_remote:
        near = included["pair_id"].filter(pa.array(near_held_out(opened, policy, included, asked, key)))
    return TextReport(
        control_tokens=len(asked.control_token_ids),
        control_token_ids=_first(asked.control_token_ids),
        near_held_out=None if near is None else len(near),
        near_held_out_ids=() if near is None else _first(near),
    )


def text_warnings(found: TextReport, *, tokenizer_asked: bool) -> Iterator[SheetWarning]:
    """The findings as warnings. Control tokens are told by the tokenizer itself where it was asked."""
    if found.control_tokens and not tokenizer_asked:
        yield SheetWarning(
            code="control_tokens",
            count=found.control_tokens,
            message=f"{found.control_tokens:,} included pairs spell a control token of a known model family: "
            f"{listed(found.control_token_ids, found.control_tokens)}. They are trained on as plain text.",
        )
    if found.near_held_out:
        yield SheetWarning(
            code="near_held_out",
            count=found.near_held_out,
            message=f"{found.near_held_out:,} included pairs nearly equal a held-out question: "
            f"{listed(found.near_held_out_ids, found.near_held_out)}. They are trained on; exclude_near_held_out in "
            "the head of a training sheet excludes them.",
        )


def _first(pair_ids: pa.ChunkedArray) -> tuple[str, ...]:
    return tuple(map(storable, pair_ids.slice(0, MOST_NAMED).to_pylist()))
