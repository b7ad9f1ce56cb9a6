"""The texts of a sheet's pairs, for people who may see them: one pair, and which pairs say something. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet

#: Pairs with the same id that are read: all of them are invalid then.
_MOST_WITH_AN_ID: Final = 10


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages of a pair as its sheet has them, each with all fields, and its tool definitions as JSON."""

    messages: tuple[dict[str, Any], ...]
    tools: str | None


def conversations(opened: OpenSheet, pair_id: str) -> list[Conversation]:
    """What the pairs with this id say: mostly one, none where there is no such pair."""
    pairs = opened.pairs.filter(opened.pairs.pair_id == pair_id).select("messages", "tools").limit(_MOST_WITH_AN_ID)
    with disk_errors("read the pairs"), opened.engine.fetch(pairs) as fetched:
        rows = fetched.to_pyarrow().to_pylist()
    return [Conversation(tuple(message or {} for message in row["messages"] or ()), row["tools"]) for row in rows]


def pairs_that_say(opened: OpenSheet, text: str, *, limit: int) -> list[str]:
    """The ids of at most `limit` pairs that say the text in a message or tool call, in any case of letters."""
    wanted = text.lower()
    pairs = opened.pairs.filter(opened.pairs.pair_id.notnull())
    said = pairs.messages.filter(lambda message: _says(message, wanted)).length() > 0
    found_ids = pairs.filter(said).select("pair_id").distinct().limit(limit)
    with disk_errors("search the pairs"), opened.engine.fetch(found_ids) as found:
        ids: list[str] = found.to_pyarrow()["pair_id"].to_pylist()
    return ids


def _says(message: ir.StructValue, wanted: str) -> ir.BooleanValue:
    of_text: ir.BooleanValue = message["content"].lower().contains(ibis.literal(wanted)).fill_null(False)
    return of_text | message["tool_calls"].lower().contains(ibis.literal(wanted)).fill_null(False)
