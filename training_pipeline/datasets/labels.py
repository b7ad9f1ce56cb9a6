"""The canonical labels behind a training sheet's pairs, as one version."""

from __future__ import annotations

import hashlib
import json

from training_pipeline.datasets.judging import LABELS, labels_plan
from training_pipeline.domain.refs import LabelsRef
from training_pipeline.sheets.base import OpenSheet


def labels_of(opened: OpenSheet) -> LabelsRef:
    """The version of the sheet's canonical labels: SHA-256 (hex) over their ids and constraints. Reads only."""
    plan = labels_plan(opened.engine.dialect)
    with opened.engine.work_out(plan, opened.pairs) as labeled, opened.engine.fetch(labeled) as found:
        labels = found.to_pyarrow().to_pylist()
    lines = sorted(json.dumps([row[name] for name in LABELS], ensure_ascii=False) for row in labels)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return LabelsRef(count=len({row["canonical_label_id"] for row in labels}), digest=digest)
