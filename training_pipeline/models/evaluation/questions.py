"""The text of the pairs that a model is to be asked, read from their training sheets as these are now."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

import pyarrow as pa

from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.examples.tool_definitions import with_tools
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.models.evaluation.aging import AGED, MISSING, TEXT_CHANGED, sheets_now
from training_pipeline.models.evaluation.suite import Suite
from training_pipeline.sheets.base import TrainingSheetSource

#: What a line says of its pair besides the example.
_KEYS: Final = ("training_sheet_id", "pair_id", "classification", "canonical_label_id")


def question_lines(
    source: TrainingSheetSource,
    policy: GatePolicy,
    suite: Suite,
    rows: pa.Table,
    aged: Counter[str],
    readable: Collection[str] = (),
) -> Iterator[str]:
    """A line of JSON for each of these rows of the suite: what the pair is known by, and its example.

    Each text is compared with the hash that was frozen. What has aged by now is left out and counted in `aged`. A pair
    of which the classification, as it is now, is `readable` may be judged. Reads only; the lines are text of pairs.
    Raises what the source raises.
    """
    left = {(row["training_sheet_id"], row["pair_id"]): row for row in rows.to_pylist()}
    for sheet, now in zip(suite.sheets, sheets_now(source, policy, suite), strict=True):
        ids = now.rows["pair_id"].to_pylist()
        reasons = dict(zip(ids, now.rows[AGED].to_pylist(), strict=True))
        classifications = dict(zip(ids, now.rows["classification"].to_pylist(), strict=True))
        if now.texts is not None:
            line = with_tools(rendered(now.texts.messages), now.texts.tools)
            read = now.texts.select("pair_id", line=line).order_by("pair_id").to_pyarrow()
            for pair_id, example in zip(read["pair_id"].to_pylist(), read["line"].to_pylist(), strict=True):
                row = left.get((sheet.training_sheet_id, pair_id))
                if row is None:
                    continue
                if hashlib.sha256(str(example).encode()).hexdigest() != row["row_hash"]:
                    reasons[pair_id] = TEXT_CHANGED
                    continue
                del left[sheet.training_sheet_id, pair_id]
                said = {name: row[name] for name in _KEYS} | {"classification": classifications[pair_id]}
                said |= {"sheet_id": sheet.sheet_id}
                said |= {"may_be_judged": said["classification"] in readable}
                known = json.dumps(said, ensure_ascii=False)
                yield f"{known[:-1]},{str(example)[1:]}"
        for key in [key for key in left if key[0] == sheet.training_sheet_id]:
            aged[reasons.get(key[1]) or MISSING] += 1
            del left[key]
