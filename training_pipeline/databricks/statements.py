"""SELECT statements on a SQL warehouse, through the SDK's Statement Execution API.

Statements have no idempotency key, so one whose reply was lost may run twice. Only reads are sent: that costs time and
changes nothing. A statement that is given up is cancelled; one whose reply was lost cannot be, and ends on its own.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import pyarrow as pa

from training_pipeline.databricks.presigned import StorageFailed, fetch
from training_pipeline.databricks.retry import RETRIES, call_with_retries
from training_pipeline.databricks.statement_errors import failed_statement
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.errors import BackendFailed, BackendUnreachable, PipelineError, Unavailable
from training_pipeline.infra.retry import RetryPolicy

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.sql import ExternalLink, ResultData, ResultManifest, StatementResponse

_T = TypeVar("_T")

#: The pauses between two looks at a statement that runs.
_LOOKS: Final = RetryPolicy(first=0.05, longest=3.0)
#: Seconds to connect to the storage behind a link, and between two pieces of an answer.
_STORAGE_TIMEOUT: Final = (10, 60)


@dataclass(frozen=True)
class Statements:
    """Runs SELECTs on one warehouse; `seconds` is the longest that one may take, with the start of a stopped warehouse
    and with all tries.

    Raises `BackendUnreachable` where Databricks does not answer or refuses us, `SheetUnreadable` naming the object and
    the grant where a table or the warehouse is missing, and `Unavailable` where a statement takes too long.
    """

    connection: Connection
    warehouse_id: str
    seconds: float = 1800.0
    sleep: Callable[[float], None] = time.sleep

    def rows(self, statement: str, parameters: Mapping[str, str] | None = None) -> list[list[str | None]]:
        """All rows of a small result as texts, whatever number of parts it comes in.

        Raises `Unavailable` unless exactly the rows arrive that the warehouse counted.
        """
        response = self._finished(statement, parameters or {}, inline=True)
        manifest = self._whole(response)
        parts = [response.result] if response.result else []
        while len(parts) < (manifest.total_chunk_count or 0):
            parts.append(self._part(str(response.statement_id), len(parts)))
        rows: list[list[str | None]] = [[*row] for part in parts for row in part.data_array or []]
        self._require_all(manifest, len(rows))
        return rows

    def batches(
        self, statement: str, parameters: Mapping[str, str] | None, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """All rows of a result of any size, cast to `schema`; never more than one chunk of it is in memory.

        Raises `Unavailable` unless exactly the rows arrive that the warehouse counted.
        """
        response = self._finished(statement, parameters or {}, inline=False)
        manifest = self._whole(response)
        arrived = 0
        first = list(response.result.external_links or []) if response.result else []
        links = {link.chunk_index or 0: link for link in first}
        for index in range(manifest.total_chunk_count or 0):
            table = self._chunk(str(response.statement_id), index, links.pop(index, None))
            arrived += table.num_rows
            yield from _cast(table, schema).to_batches()
        self._require_all(manifest, arrived)

    def _whole(self, response: StatementResponse) -> ResultManifest:
        """What the warehouse says of a result; raises `Unavailable` where it says that it cut it off."""
        if response.manifest is None:
            raise Unavailable("A SQL warehouse finished a statement without a result.", hint="Try again.")
        if response.manifest.truncated:
            raise Unavailable(
                f"SQL warehouse {self.warehouse_id} cut the result of a statement off after "
                f"{response.manifest.total_row_count or 0:,} rows.",
                hint="A limit of the warehouse or of the workspace on the size of results does that.",
            )
        return response.manifest

    def _require_all(self, manifest: ResultManifest, arrived: int) -> None:
        if arrived != (manifest.total_row_count or 0):
            raise Unavailable(
                f"Of {manifest.total_row_count or 0:,} rows, {arrived:,} arrived from SQL warehouse "
                f"{self.warehouse_id}.",
                hint="Try again.",
            )

    def _finished(self, statement: str, parameters: Mapping[str, str], *, inline: bool) -> StatementResponse:
        from databricks.sdk.service.sql import Disposition, Format, StatementParameterListItem, StatementState

        grant = (
            f"Grant CAN USE on SQL warehouse {self.warehouse_id}, or set TRAINING_PIPELINE_DATABRICKS_WAREHOUSE_ID to "
            "the id of a warehouse that exists"
        )
        deadline = time.monotonic() + self.seconds
        response = call_with_retries(
            self.connection,
            f"run a statement on SQL warehouse {self.warehouse_id}",
            lambda client: client.statement_execution.execute_statement(
                statement,
                self.warehouse_id,
                disposition=Disposition.INLINE if inline else Disposition.EXTERNAL_LINKS,
                format=Format.JSON_ARRAY if inline else Format.ARROW_STREAM,
                parameters=[StatementParameterListItem(name, value=value) for name, value in parameters.items()],
                wait_timeout="0s",  # the id comes back at once: little is lost with a reply
            ),
            grant=grant,
            sleep=self.sleep,
            until=deadline,
        )
        statement_id = str(response.statement_id)
        looks = 0
        waiting = {StatementState.PENDING, StatementState.RUNNING}
        try:
            while (state := response.status.state if response.status else None) in waiting:
                looks += 1
                pause = _LOOKS.pause(looks)
                if time.monotonic() + pause > deadline:
                    raise Unavailable(
                        f"A statement on SQL warehouse {self.warehouse_id} was still {str(state.value).lower()} after "
                        f"{self.seconds:.0f} s and was cancelled.",
                        hint="See whether the warehouse starts and is large enough, or raise "
                        "TRAINING_PIPELINE_DATABRICKS_SQL_SECONDS.",
                    )
                self.sleep(pause)
                response = self._look(
                    f"look at a statement on SQL warehouse {self.warehouse_id}",
                    lambda client: client.statement_execution.get_statement(statement_id),
                    until=deadline,
                )
        except BaseException:
            self._cancel(statement_id)
            raise
        if state is not StatementState.SUCCEEDED:
            raise failed_statement(response.status, self.warehouse_id)
        return response

    def _cancel(self, statement_id: str) -> None:
        """Ask the warehouse to stop; what led here is raised, not whether this was heard."""
        try:
            with self.connection.calling("cancel a statement"):
                self.connection.client().statement_execution.cancel_execution(statement_id)
        except PipelineError:
            return

    def _chunk(self, statement_id: str, index: int, link: ExternalLink | None) -> pa.Table:
        """One chunk; a link that has expired is asked for again."""
        links = [link] if link else []

        def fetch() -> pa.Table:
            return _download(links.pop() if links else self._link(statement_id, index))

        try:
            return RETRIES.call(fetch, when=lambda error: isinstance(error, StorageFailed), sleep=self.sleep)
        except StorageFailed as error:
            raise BackendUnreachable(
                f"A part of a result of SQL warehouse {self.warehouse_id} could not be fetched from the workspace's "
                f"storage ({error}).",
                hint="This machine must reach the workspace's cloud storage, not only the workspace itself.",
            ) from None

    def _part(self, statement_id: str, index: int) -> ResultData:
        return self._look(
            f"fetch a result of SQL warehouse {self.warehouse_id}",
            lambda client: client.statement_execution.get_statement_result_chunk_n(statement_id, index),
        )

    def _link(self, statement_id: str, index: int) -> ExternalLink:
        for link in self._part(statement_id, index).external_links or []:
            if (link.chunk_index or 0) == index:
                return link
        raise Unavailable(f"SQL warehouse {self.warehouse_id} has no link for part {index} of a result.")

    def _look(self, what: str, call: Callable[[WorkspaceClient], _T], *, until: float = math.inf) -> _T:
        """The answer about a statement that runs; one that the warehouse has forgotten is worth running again."""
        try:
            return call_with_retries(self.connection, what, call, sleep=self.sleep, until=until)
        except BackendFailed as error:
            raise Unavailable(error.message, hint="Try again.") from error


def _download(link: ExternalLink) -> pa.Table:
    """What lies behind a link; raises `StorageFailed`."""
    content = fetch(str(link.external_link), link.http_headers or {}, timeout=_STORAGE_TIMEOUT)
    try:
        return pa.ipc.open_stream(io.BytesIO(content)).read_all()
    except (pa.ArrowException, OSError) as error:
        raise StorageFailed(type(error).__name__) from None


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema`, with its types; raises `Unavailable` where the result has others or broken text."""
    try:
        cast = table.select(schema.names).cast(schema)
        cast.validate(full=True)
    except (pa.ArrowException, KeyError) as error:
        raise Unavailable(
            f"A SQL warehouse returned an unexpected result ({type(error).__name__}).",
            hint="A column that holds text which is not UTF-8 does that.",
        ) from None
    return cast
