"""What came of a judge for one model: how many answers it judged, why it did not judge others, and how often it agrees
with exact match.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from .judge import CLASSIFICATION, GIVEN_UP, UNANSWERED
from .judge_prompt import VERSION

SCORE: Final = "judged_right"
#: Of the answers that it was sent, the share that it may fail at: what it judges of the rest is no fair sample.
_SHARE: Final = 0.1


def summed_up(table: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
    """The scores, without those of the judge where it failed too often, and what is told of it."""
    reasons = Counter(reason for reason in table["not_judged"].to_pylist() if reason is not None)
    not_sent, unanswered = reasons.pop(CLASSIFICATION, 0), reasons.pop(UNANSWERED, 0)
    judged = len(table) - table[SCORE].null_count - unanswered
    told: dict[str, Any] = {
        "prompt_version": VERSION,
        "models": sorted(set(table["judged_by"].drop_null().to_pylist())),
        "judged": judged,
        "unanswered": unanswered,
        "not_sent": not_sent,
        "not_judged": dict(sorted(reasons.items())),
        "agreed": _agreed(table),
        "missing": _missing(judged, unanswered, reasons),
    }
    if told["missing"] is not None:
        place = table.schema.get_field_index(SCORE)
        table = table.set_column(place, table.schema.field(place), pa.nulls(len(table), pa.float64()))
    return table, told


def _agreed(table: pa.Table) -> int:
    """How many answers are right, or wrong, by the judge and by exact match alike; where it was not asked is none."""
    sent = table.filter(pc.is_null(table["not_judged"]))
    return int(pc.sum(pc.equal(sent[SCORE], sent["exact_match"])).as_py() or 0)


def _missing(judged: int, unanswered: int, reasons: Counter[str]) -> str | None:
    """The word for why there is no metric of the judge, None where there is one."""
    failed = reasons.total()
    if not judged + failed:
        return None if unanswered else CLASSIFICATION
    if failed <= _SHARE * (judged + failed):
        return None
    causes = Counter({reason: count for reason, count in reasons.items() if reason != GIVEN_UP}) or reasons
    return causes.most_common(1)[0][0]
