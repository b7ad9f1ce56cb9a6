"""The canonical labels behind a training sheet's pairs, as one version."""

from __future__ import annotations

import hashlib
import json

from training_pipeline.domain.refs import LabelsRef
from training_pipeline.sheets.base import OpenSheet

_COLUMNS = (
    "canonical_label_id",
    "label_allowed_uses",
    "label_prohibited_uses",
    "label_data_classification",
    "label_usage_reason",
)


def labels_of(opened: OpenSheet) -> LabelsRef:
    """The version of the sheet's canonical labels: SHA-256 (hex) over their ids and constraints. Reads only."""
    pairs = opened.pairs
    with opened.engine.fetch(pairs.filter(pairs.canonical_label_id.notnull()).select(*_COLUMNS).distinct()) as found:
        labels = found.to_pyarrow().to_pylist()
    lines = sorted(json.dumps([row[name] for name in _COLUMNS], ensure_ascii=False) for row in labels)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return LabelsRef(count=len({row["canonical_label_id"] for row in labels}), digest=digest)
