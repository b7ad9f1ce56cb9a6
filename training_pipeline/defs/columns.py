"""What the columns of pairs and verdicts mean, for people who look at a schema in the Dagster UI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import dagster as dg

from training_pipeline.domain.manifest import SNAPSHOT_SCHEMA
from training_pipeline.domain.pair_schema import PAIR_SCHEMA

MEANINGS: Final[Mapping[str, str]] = {
    "pair_id": "Identifies the pair in its training sheet.",
    "messages": "The chat example: a list of {role, content}.",
    "item_ref": "The item of the source sheet that the pair is about.",
    "status": "The experts' word: unlabeled, labeled, rejected or flagged.",
    "allowed_uses": "What the pair may be used for.",
    "prohibited_uses": "What the pair may not be used for; wins over what is allowed.",
    "usage_reason": "The data steward's own words.",
    "data_classification": "public, internal, confidential or restricted.",
    "canonical_label_id": "The canonical label that the pair was approved from.",
    "label_allowed_uses": "What the canonical label may be used for.",
    "label_prohibited_uses": "What the canonical label may not be used for.",
    "label_data_classification": "The canonical label's classification.",
    "label_usage_reason": "The steward's words on the canonical label.",
    "reviewed_by": "The expert who reviewed the pair.",
    "reviewed_at": "When it was reviewed.",
    "constraints_set_by": "Who set its usage constraints.",
    "constraints_set_at": "When they were set.",
    "row_hash": "SHA-256 of the example, by which it is known again; null where no rule needed it.",
    "prompt_hash": "Hashes of the questions in normal form that tie the pair, between blanks.",
    "reason": "Why the pair is left out; null if it is included.",
    "may_validate": "Whether it may stand in the validation split.",
    "instruction": "The question is put to so many items that it ties nothing.",
    "classification": "The strictest of the pair's, the label's and the source table's.",
}


def _schema(columns: Iterable[tuple[str, str]]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, kind, MEANINGS[name]) for name, kind in columns])


#: The columns of a training sheet's pairs, and those of the verdicts on them.
PAIRS: Final = _schema(
    (name, "list of messages" if name == "messages" else str(kind)) for name, kind in PAIR_SCHEMA.items()
)
VERDICTS: Final = _schema((field.name, str(field.type)) for field in SNAPSHOT_SCHEMA)
EXAMPLES: Final = dg.TableSchema([dg.TableColumn("messages", "list", MEANINGS["messages"])])
