"""A training sheet: what it refers to, and the schema of its Q&A pairs.

A source (`sheets/`) presents the pairs of a sheet as an Ibis table with exactly the columns of `PAIR_SCHEMA`, whatever
the engine behind it. The rules (`gates.py`) know nothing else.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import ibis
from pydantic import BaseModel, ConfigDict, Field

#: The columns of a sheet's pairs, as every source presents them.
#: `messages` keeps each message's fields in this order; a field that a message does not have is null. `content` is null
#: where it was not a string; `tool_calls` is null or the compact JSON text of a list with something in it, which is
#: written into the dataset as it is. `messages` itself is null where it was no list of objects.
#: A list of uses is null where it was missing or no list of strings.
PAIR_SCHEMA: Final = ibis.schema(
    {
        "pair_id": "string",
        "messages": (
            "array<struct<role: string, content: string, name: string, weight: float64,"
            " tool_calls: string, tool_call_id: string>>"
        ),
        "item_ref": "string",
        "status": "string",
        "allowed_uses": "array<string>",
        "prohibited_uses": "array<string>",
        "usage_reason": "string",
        "data_classification": "string",
        "canonical_label_id": "string",
        "label_allowed_uses": "array<string>",
        "label_prohibited_uses": "array<string>",
        "label_data_classification": "string",
        "label_usage_reason": "string",
        "reviewed_by": "string",
        "reviewed_at": "string",
        "constraints_set_by": "string",
        "constraints_set_at": "string",
    }
)

#: Message roles that a chat example may have.
ROLES: Final = ("system", "user", "assistant", "tool")


class SheetStatus(StrEnum):
    """The life of a training sheet. Only `approved` and `exported` sheets may be trained on."""

    GENERATING = "generating"
    REVIEW = "review"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPORTED = "exported"


TRAINABLE_SHEETS: Final = frozenset({SheetStatus.APPROVED, SheetStatus.EXPORTED})


class Reference(BaseModel):
    """What a training sheet was made from: its source sheet or its prompt template."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    name: str = ""
    version: str = ""


class TrainingSheet(BaseModel):
    """The head of a training sheet: everything but its pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")
    name: str
    status: SheetStatus
    source_sheet: Reference
    prompt_template: Reference
    tags: tuple[str, ...] = ()
    description: str = ""
    owner: str = ""
    created_at: datetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
