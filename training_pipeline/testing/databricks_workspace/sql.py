"""The Statement Execution API: statements really run, results lie behind presigned links that expire."""

from __future__ import annotations

import re
import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace, bad_request, not_found
from training_pipeline.testing.databricks_workspace.tables import SqlError, tables

_HISTORY: Final = re.compile(r"DESCRIBE HISTORY (\S+)(?: LIMIT (\d+))?", re.IGNORECASE)
_INLINE_LIMIT: Final = 25 * 2**20


@dataclass
class Statement:
    """One statement and what became of it."""

    id: str
    text: str
    external: bool
    state: str = "PENDING"
    error: SqlError | None = None
    result: pa.Table | None = None
    done: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False
    truncated: bool = False


@dataclass
class Warehouses:
    """SQL warehouses by id with their state, and the statements they were given.

    A stopped warehouse starts on its own, after `start_seconds`; one that is `STUCK` never does.
    """

    states: dict[str, str] = field(default_factory=lambda: {"wh-1": "RUNNING"})
    start_seconds: float = 0.2
    chunk_rows: int = 10_000
    #: Results are cut off after so many rows, and say so; never where null.
    cut_after: int | None = None
    link_seconds: float = 900.0
    statements: dict[str, Statement] = field(default_factory=dict)
    #: Presigned links: the secret in them, and until when they are good.
    links: dict[str, tuple[str, int, float]] = field(default_factory=dict)


def warehouses(workspace: Workspace) -> Warehouses:
    """The state of this part."""
    part = workspace.parts.setdefault("sql", Warehouses())
    assert isinstance(part, Warehouses)
    return part


def routes(workspace: Workspace) -> list[Route]:
    """Submit, get, chunks, cancel, and the cloud storage behind the links."""
    part = warehouses(workspace)

    async def execute(request: Request) -> JSONResponse:
        body = await request.json()
        _check_warehouse(workspace, body.get("warehouse_id", ""))
        external = body.get("disposition", "INLINE") == "EXTERNAL_LINKS"
        kind = body.get("format", "JSON_ARRAY")
        if (external and kind != "ARROW_STREAM") or (not external and kind != "JSON_ARRAY"):
            raise bad_request(f"Format {kind} does not go with this disposition here.")
        statement = Statement(str(uuid.uuid4()), body["statement"], external)
        part.statements[statement.id] = statement
        parameters = {each["name"]: each.get("value") for each in body.get("parameters", [])}
        arguments = (workspace, statement, parameters, body["warehouse_id"])
        threading.Thread(target=_run, args=arguments, daemon=True).start()
        return JSONResponse(_shown(workspace, statement))

    def get(request: Request) -> JSONResponse:
        return JSONResponse(_shown(workspace, _found(part, request)))

    def chunk(request: Request) -> JSONResponse:
        statement = _found(part, request)
        if statement.state != "SUCCEEDED":
            raise bad_request(f"Statement {statement.id} is in state {statement.state}.")
        return JSONResponse(_chunk(workspace, statement, int(request.path_params["index"])))

    def cancel(request: Request) -> JSONResponse:
        statement = _found(part, request)
        if not statement.done.is_set():
            statement.cancelled = True
            statement.state = "CANCELED"
        return JSONResponse({})

    def stored(request: Request) -> Response:
        if "authorization" in request.headers:
            return Response("<Error><Code>InvalidArgument</Code></Error>", 400, media_type="application/xml")
        secret = request.query_params.get("signature", "")
        statement_id, index, until = part.links.get(secret, ("", 0, 0.0))
        if time.time() > until or request.headers.get("x-storage-key") != secret[:8]:
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        rows = _rows(part, part.statements[statement_id], index)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        return Response(sink.getvalue().to_pybytes(), media_type="application/octet-stream")

    stored.public = True  # type: ignore[attr-defined]
    root = "/api/2.0/sql/statements"
    return [
        Route(root, execute, methods=["POST"], name="sql-execute"),
        Route(f"{root}/{{id}}", get, name="sql-get"),
        Route(f"{root}/{{id}}/result/chunks/{{index:int}}", chunk, name="sql-chunk"),
        Route(f"{root}/{{id}}/cancel", cancel, methods=["POST"], name="sql-cancel"),
        Route("/storage/result", stored, name="sql-storage"),
    ]


def _check_warehouse(workspace: Workspace, warehouse: str) -> None:
    if warehouse not in warehouses(workspace).states:
        raise not_found(f"SQL warehouse {warehouse} does not exist.")
    if workspace.denied.get(warehouse) == "CAN USE":
        raise ApiError(403, "PERMISSION_DENIED", "You do not have permission to use the SQL Warehouse.")


def _found(part: Warehouses, request: Request) -> Statement:
    statement = part.statements.get(request.path_params["id"])
    if statement is None:
        raise not_found(f"The statement {request.path_params['id']} was not found.")
    return statement


def _run(workspace: Workspace, statement: Statement, parameters: dict[str, str], warehouse: str) -> None:
    part = warehouses(workspace)
    try:
        if part.states[warehouse] == "STUCK":
            return
        if part.states[warehouse] == "STOPPED":
            time.sleep(part.start_seconds)
            part.states[warehouse] = "RUNNING"
        statement.state = "RUNNING"
        history = _HISTORY.fullmatch(statement.text.strip())
        if history:
            name = history[1].replace("`", "")
            statement.result = tables(workspace).history(name).slice(0, int(history[2] or 1_000))
        else:
            statement.result = tables(workspace).select(statement.text, parameters)
        if part.cut_after is not None and statement.result.num_rows > part.cut_after:
            statement.result, statement.truncated = statement.result.slice(0, part.cut_after), True
        if not statement.cancelled:
            statement.state = "SUCCEEDED"
    except SqlError as error:
        statement.error = error
        statement.state = "FAILED"
    except Exception as error:  # noqa: BLE001 - a statement that cannot be understood fails, not the server
        statement.error = SqlError(
            "BAD_REQUEST", f"[PARSE_SYNTAX_ERROR] {type(error).__name__}: {error}"[:2000], "42601"
        )
        statement.state = "FAILED"
    finally:
        if part.states[warehouse] != "STUCK":
            statement.done.set()


def _shown(workspace: Workspace, statement: Statement) -> dict[str, Any]:
    shown: dict[str, Any] = {"statement_id": statement.id, "status": {"state": statement.state}}
    if statement.state == "FAILED" and statement.error is not None:
        error = statement.error
        shown["status"] |= {"error": {"error_code": error.code, "message": error.message}, "sql_state": error.state}
    if statement.state == "SUCCEEDED" and statement.result is not None:
        chunks = _chunk_count(warehouses(workspace), statement)
        shown["manifest"] = {
            "format": "ARROW_STREAM" if statement.external else "JSON_ARRAY",
            "total_chunk_count": chunks,
            "total_row_count": statement.result.num_rows,
            "truncated": statement.truncated,
        }
        shown["result"] = _chunk(workspace, statement, 0) if chunks else {}
    return shown


def _chunk_count(part: Warehouses, statement: Statement) -> int:
    assert statement.result is not None
    chunks: int = -(-statement.result.num_rows // part.chunk_rows)
    return chunks if statement.external else max(chunks, 1)


def _rows(part: Warehouses, statement: Statement, index: int) -> pa.Table:
    assert statement.result is not None
    return statement.result.slice(index * part.chunk_rows, part.chunk_rows)


def _chunk(workspace: Workspace, statement: Statement, index: int) -> dict[str, Any]:
    part = warehouses(workspace)
    assert statement.result is not None
    if not statement.external:
        columns = _rows(part, statement, index).to_pydict().values()
        rows = [[None if value is None else str(value) for value in row] for row in zip(*columns, strict=True)]
        if sum(len(str(row)) for row in rows) > _INLINE_LIMIT:
            raise bad_request("Inline byte limit exceeded. Statements executed with disposition=INLINE can be 25 MiB.")
        place: dict[str, Any] = {"chunk_index": index, "row_offset": index * part.chunk_rows, "row_count": len(rows)}
        if index + 1 < _chunk_count(part, statement):
            place["next_chunk_index"] = index + 1
        return {**place, "data_array": rows}
    count = _chunk_count(part, statement)
    if index >= count:
        raise not_found(f"Chunk {index} of statement {statement.id} does not exist.")
    secret = secrets.token_hex(16)
    until = time.time() + part.link_seconds
    part.links[secret] = (statement.id, index, until)
    rows = _rows(part, statement, index)
    link = {
        "chunk_index": index,
        "row_offset": index * part.chunk_rows,
        "row_count": rows.num_rows,
        "byte_count": rows.nbytes,
        "external_link": f"{workspace.url}/storage/result?signature={secret}",
        "expiration": datetime.fromtimestamp(until, UTC).isoformat().replace("+00:00", "Z"),
        "http_headers": {"x-storage-key": secret[:8]},
    }
    if index + 1 < count:
        link["next_chunk_index"] = index + 1
    return {"external_links": [link]}
