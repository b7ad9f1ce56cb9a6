"""Tags on tables of Unity Catalog, as words that narrow what pairs may be used for."""

from __future__ import annotations

from training_pipeline.domain.usage import TAG_RULES
from training_pipeline.sheets.statements import Connection


def tags_of(connection: Connection, table: str) -> list[str]:
    """The keys of the tags that are assigned to the table itself, and those of their values that are words with a rule.

    `PHI` counts as a key, whatever its value, and as a value, as in `sensitivity = PHI`. Reads only; never guesses:
    raises what `Connection.calling` raises where the tags cannot be read.
    """
    grant = f"Grant SELECT on table {table} (or BROWSE on its catalog), so that its tags can be read"
    with connection.calling(f"read the tags of table {table}", grant=grant):
        assigned = list(connection.client().entity_tag_assignments.list("tables", table))
    words: list[str] = []
    for tag in assigned:
        words.append(tag.tag_key)
        words += [word for word in (tag.tag_value or "").replace(",", " ").split() if word.upper() in TAG_RULES]
    return words
