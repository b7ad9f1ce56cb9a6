"""The preview of the training data as JSONL: only pairs that pass both gates."""

from __future__ import annotations

from training_pipeline.datasets.verdicts import judged
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.rules.rendering import rendered
from training_pipeline.domain.rules.tool_definitions import with_tools
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet


def preview(opened: OpenSheet, policy: GatePolicy, limit: int) -> list[str]:
    """The first `limit` lines (no newlines) in the order of the pair ids. Writes nothing."""
    with judged(opened, policy) as table:
        first = table.filter(table.reason.isnull()).select("pair_id").order_by("pair_id").limit(limit)
        shown = opened.pairs.select("pair_id", "messages", "tools").semi_join(first, "pair_id")
        with disk_errors("read the pairs"), opened.engine.fetch(shown) as pairs:
            line = with_tools(rendered(pairs.messages), pairs.tools)
            lines = pairs.select("pair_id", line=line).order_by("pair_id").to_pyarrow()
    return [str(line) for line in lines["line"].to_pylist()]
