"""Tags on tables of Unity Catalog and on their columns, as words that narrow what pairs may be used for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from training_pipeline.databricks.catalog import tags_on
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.usage import ruling_words

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

    found = _words(tags_on(connection, "tables", table, grant=grant, sleep=sleep))

    def on_column(column: str) -> list[tuple[str, str]]:
        return tags_on(connection, "columns", f"{table}.{column}", grant=grant, sleep=sleep)

    with ThreadPoolExecutor(_THREADS) as pool:
        for tags in pool.map(on_column, columns):
            found += _words(tags)
    return found


def _words(tags: Iterable[tuple[str, str]]) -> list[str]:
    return [word for key, value in tags for word in (key, *ruling_words(value))]
