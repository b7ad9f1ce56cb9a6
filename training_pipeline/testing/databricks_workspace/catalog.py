"""Unity Catalog: what a table is, and the tags that were assigned to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.models import registry
from training_pipeline.testing.databricks_workspace.state import Workspace, not_found
from training_pipeline.testing.databricks_workspace.tables import tables


@dataclass
class Tags:
    """Tags by type and name of what they are assigned to; a page of an answer holds `page_size` of them."""

    assigned: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    page_size: int = 2

    def assign(self, table: str, *, column: str | None = None, **tags: str) -> None:
        """Tag a table, or a column of it."""
        what = ("tables", table) if column is None else ("columns", f"{table}.{column}")
        self.assigned.setdefault(what, {}).update(tags)


def tags(workspace: Workspace) -> Tags:
    """The state of this part."""
    part = workspace.parts.setdefault("tags", Tags())
    assert isinstance(part, Tags)
    return part


def routes(workspace: Workspace) -> list[Route]:
    """Tables and tag assignments, as the SDK reads them."""

    def get_table(request: Request) -> JSONResponse:
        table = tables(workspace).get(request.path_params["name"])
        catalog, schema, name = table.name.split(".")
        shown: dict[str, Any] = {
            "name": name,
            "catalog_name": catalog,
            "schema_name": schema,
            "full_name": table.name,
            "table_id": f"id-of-{table.name}",
            "table_type": table.table_type,
            "columns": [
                {"name": column, "type_text": kind, "position": position}
                for position, (column, kind) in enumerate(table.columns.items())
            ],
        }
        if table.data_source_format:
            shown["data_source_format"] = table.data_source_format
        if table.row_filter:
            shown["row_filter"] = {"function_name": table.row_filter, "input_column_names": []}
        return JSONResponse(shown)

    def list_tags(request: Request) -> JSONResponse:
        kind, name = request.path_params["type"], request.path_params["name"]
        table = name if kind == "tables" else ".".join(name.split(".")[:3])
        if (
            tables(workspace).get(table)
            and kind == "columns"
            and name.removeprefix(f"{table}.") not in (tables(workspace).get(table).columns)
        ):
            raise not_found(f"Column '{name}' does not exist.")
        assigned = list(tags(workspace).assigned.get((kind, name), {}).items())
        start = int(request.query_params.get("page_token", "0"))
        end = start + tags(workspace).page_size
        shown: dict[str, Any] = {
            "tag_assignments": [
                {"entity_type": kind, "entity_name": name, "tag_key": key, "tag_value": value}
                for key, value in assigned[start:end]
            ]
        }
        if end < len(assigned):
            shown["next_page_token"] = str(end)
        return JSONResponse(shown)

    def get_schema(request: Request) -> JSONResponse:
        name = request.path_params["name"]
        known = registry(workspace).schemas
        if known is not None and name not in known:
            raise not_found(f"Schema '{name}' does not exist.")
        workspace.require("Schema", name, "USE SCHEMA")
        return JSONResponse({"full_name": name, "owner": "owner@example.com"})

    def effective(request: Request) -> JSONResponse:
        name = request.path_params["name"]
        holders = [] if workspace.denied.get(name) == "CREATE MODEL" else list(workspace.tokens.values())
        granted = [{"privilege": "CREATE_MODEL"}]
        held = [{"principal": holder, "privileges": granted} for holder in holders]
        return JSONResponse({"privilege_assignments": [*held, {"principal": "x@y", "privileges": granted}]})

    def list_secrets(request: Request) -> JSONResponse:
        scope = request.query_params["scope"]
        keys = [name.partition("/")[2] for name in workspace.secrets if name.startswith(f"{scope}/")]
        if not keys:
            raise not_found(f"Scope {scope} does not exist!")
        return JSONResponse({"secrets": [{"key": key} for key in keys]})

    root = "/api/2.1/unity-catalog"
    return [
        Route(f"{root}/schemas/{{name}}", get_schema, name="schemas/get"),
        Route(f"{root}/effective-permissions/schema/{{name}}", effective, name="schemas/effective-permissions"),
        Route("/api/2.0/secrets/list", list_secrets, name="secrets/list"),
        Route(f"{root}/tables/{{name}}", get_table, name="table-get"),
        Route(f"{root}/entity-tag-assignments/{{type}}/{{name}}/tags", list_tags, name="tags-list"),
    ]
