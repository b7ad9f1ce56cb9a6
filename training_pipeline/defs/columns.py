"""Descriptions of the columns of pairs and verdicts, for table schemas in the Dagster UI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import dagster as dg

from training_pipeline.domain.manifest import SNAPSHOT_SCHEMA
from training_pipeline.domain.pair_schema import PAIR_SCHEMA

MEANINGS: Final[Mapping[str, str]] = {
    "pair_id": "Identifies the pair in its training sheet.",
    "messages": "The chat example: a list of {role, content}.",
    "tools": "Definitions of the tools that the assistant may call, as JSON; null where there are none.",
    "item_ref": "The item of the source sheet that the pair is about.",
    "status": "Review status: unlabeled, labeled, rejected or flagged.",
    "allowed_uses": "What the pair may be used for.",
    "prohibited_uses": "What the pair may not be used for; wins over what is allowed.",
    "usage_reason": "The data steward's reason for the allowed and prohibited uses.",
    "data_classification": "public, internal, confidential or restricted.",
    "canonical_label_id": "The canonical label that the pair was approved from.",
    "label_allowed_uses": "What the canonical label may be used for.",
    "label_prohibited_uses": "What the canonical label may not be used for.",
    "label_data_classification": "The canonical label's classification.",
    "label_usage_reason": "The data steward's reason on the canonical label.",
    "reviewed_by": "The expert who reviewed the pair.",
    "reviewed_at": "When it was reviewed.",
    "constraints_set_by": "Who set its usage constraints.",
    "constraints_set_at": "When they were set.",
    "row_hash": "Hash of the example, under the key of the training sheet where it has one; null if no rule needed it.",
    "prompt_hash": "Hashes of the questions in normal form, separated by blanks; those marked by + tie nothing.",
    "reason": "Reason for the exclusion; null if the pair is included.",
    "may_validate": "Whether it may be in the validation split.",
    "instruction": "Whether the question is asked of so many items that it counts as an instruction.",
    "classification": "The strictest of the classifications of pair, label and source table.",
}


def _schema(columns: Iterable[tuple[str, str]]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, kind, MEANINGS[name]) for name, kind in columns])


#: The columns of a training sheet's pairs, and those of the verdicts on them.
PAIRS: Final = _schema(
    (name, "list of messages" if name == "messages" else str(kind)) for name, kind in PAIR_SCHEMA.items()
)
VERDICTS: Final = _schema((field.name, str(field.type)) for field in SNAPSHOT_SCHEMA)
EXAMPLES: Final = _schema((name, "list") for name in ("messages", "tools"))
