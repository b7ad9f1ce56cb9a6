"""Tags on tables of Unity Catalog and on their columns, as words that narrow what pairs may be used for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from training_pipeline.databricks.retry import call_with_retries
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.usage import ruling_words

if TYPE_CHECKING:
    from databricks.sdk.service.catalog import EntityTagAssignment

#: Columns whose tags are read at the same time.
_THREADS: Final = 8


def tags_of(
    connection: Connection, table: str, columns: Collection[str] = (), *, sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """The keys of the tags on the table itself and on these columns of it, and their values that are words with a rule.

    `PHI` counts as a key, whatever its value, and as a value, as in `sensitivity = PHI`. Reads only; never guesses:
    raises what `Connection.calling` raises where the tags cannot be read.
    """
    grant = f"Grant SELECT on table {table} (or BROWSE on its catalog), so that its tags can be read"

    def assigned(kind: str, name: str) -> list[EntityTagAssignment]:
        return call_with_retries(
            connection,
            f"read the tags of {kind.removesuffix('s')} {name}",
            lambda client: list(client.entity_tag_assignments.list(kind, name)),
            grant=grant,
            sleep=sleep,
        )

    found = _words(assigned("tables", table))
    with ThreadPoolExecutor(_THREADS) as pool:
        for tags in pool.map(lambda column: assigned("columns", f"{table}.{column}"), columns):
            found += _words(tags)
    return found


def _words(assigned: Iterable[EntityTagAssignment]) -> list[str]:
    words: list[str] = []
    for tag in assigned:
        words.append(tag.tag_key)
        words += ruling_words(tag.tag_value or "")
    return words
