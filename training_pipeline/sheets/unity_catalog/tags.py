"""Tags on tables of Unity Catalog, as words that narrow what pairs may be used for."""

from __future__ import annotations

import time
from collections.abc import Callable

from training_pipeline.databricks.retry import call_with_retries
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.usage import TAG_RULES


def tags_of(connection: Connection, table: str, *, sleep: Callable[[float], None] = time.sleep) -> list[str]:
    """The keys of the tags that are assigned to the table itself, and those of their values that are words with a rule.

    `PHI` counts as a key, whatever its value, and as a value, as in `sensitivity = PHI`. Reads only; never guesses:
    raises what `Connection.calling` raises where the tags cannot be read.
    """
    grant = f"Grant SELECT on table {table} (or BROWSE on its catalog), so that its tags can be read"
    assigned = call_with_retries(
        connection,
        f"read the tags of table {table}",
        lambda client: list(client.entity_tag_assignments.list("tables", table)),
        grant=grant,
        sleep=sleep,
    )
    words: list[str] = []
    for tag in assigned:
        words.append(tag.tag_key)
        words += [word for word in (tag.tag_value or "").replace(",", " ").split() if word.upper() in TAG_RULES]
    return words
