"""What Unity Catalog says of a table: its columns, whether it has versions, and the tags on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from training_pipeline.databricks.retry import call_with_retries
from training_pipeline.databricks.workspace import Connection

if TYPE_CHECKING:
    from databricks.sdk.service.catalog import TableInfo


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table or view. `id` is another one's where it was dropped and made anew; `columns` are types by name."""

    id: str
    full_name: str
    columns: Mapping[str, str]
    has_history: bool

    @classmethod
    def of(cls, table: TableInfo) -> CatalogTable:
        """A table as the SDK describes it."""
        columns = {str(column.name): column.type_text or "" for column in table.columns or []}
        return cls(str(table.table_id), str(table.full_name), columns, has_history(table))


def table_of(
    connection: Connection, name: str, *, what: str, grant: str, sleep: Callable[[float], None] = time.sleep
) -> CatalogTable:
    """The table of this full name. Reads only; raises what `Connection.calling` raises."""
    found = call_with_retries(connection, what, lambda client: client.tables.get(name), grant=grant, sleep=sleep)
    return CatalogTable.of(found)


def tags_on(
    connection: Connection,
    kind: Literal["tables", "columns"],
    name: str,
    *,
    grant: str,
    sleep: Callable[[float], None] = time.sleep,
) -> list[tuple[str, str]]:
    """Keys and values of the tags on a table or a column. Reads only; raises what `Connection.calling` raises."""
    found = call_with_retries(
        connection,
        f"read the tags of {kind.removesuffix('s')} {name}",
        lambda client: list(client.entity_tag_assignments.list(kind, name)),
        grant=grant,
        sleep=sleep,
    )
    return [(tag.tag_key, tag.tag_value or "") for tag in found]


def has_history(table: TableInfo) -> bool:
    """Whether the table can be read as of a version: Delta, no view, and no row filter or column mask.

    Those of a policy (attribute-based) are not shown with the table; the warehouse then refuses, and says why.
    """
    kind = table.table_type.value if table.table_type else ""
    source = table.data_source_format.value if table.data_source_format else ""
    masked = any(column.mask for column in table.columns or [])
    return source == "DELTA" and kind in {"MANAGED", "EXTERNAL"} and table.row_filter is None and not masked
