"""Everything that a training on Databricks needs, looked at before one is paid for: what is there, what is missing.

What can be proved by doing is done (a small file is written, read and taken away again); of grants that only a training
would use, who holds them is read. Each check stands for itself, so that all that is missing is told at once.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from training_pipeline.databricks.presigned import StorageFailed, fetch
from training_pipeline.databricks.run_request import RunOptions
from training_pipeline.databricks.statements import Statements
from training_pipeline.databricks.workspace import Connection, Gone
from training_pipeline.domain.errors import BackendFailed, PipelineError
from training_pipeline.sft.databricks.registry_check import may_add

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_CONTENT: Final = b"Written by the preflight of training_pipeline; it may be deleted."
#: Seconds to reach the cloud's storage.
_STORAGE_SECONDS: Final = 10
#: Why a workspace gives no presigned links, as the SDK knows it: it does without them then, too.
_NO_LINKS: Final = frozenset({"FILES_API_API_IS_NOT_ENABLED", "FILES_API_REQUESTER_NETWORK_ZONE_UNKNOWN"})
#: Seconds that a warehouse may take to start and answer.
WAREHOUSE_SECONDS: Final = 300.0


class State(StrEnum):
    """What came of a check. What is unknown can only be found out by a training."""

    OK = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is needed, and what was found; `remedy` is empty where nothing is to be done."""

    name: str
    state: State
    said: str
    remedy: str = ""


def preflight(
    connection: Connection,
    options: RunOptions,
    *,
    warehouse_id: str | None = None,
    tables: Sequence[str] = (),
) -> list[Check]:
    """Look at everything. Writes a small file to the volume and to the workspace folder, and removes both.

    Without credentials nothing else is looked at. Never raises for what a workspace may answer.
    """
    look = _Look(connection, options)
    first = _checked("credentials", look.credentials)
    if first.state is not State.OK:
        return [first]
    checks: list[tuple[str, Callable[[], Check | str]]] = [
        ("volume", look.volume),
        ("workspace folder", look.folder),
        ("runs", look.runs),
        ("schema for models", look.schema),
    ]
    if options.hf_token_secret:
        checks.append(("Hugging Face token", look.secret))
    if warehouse_id:
        checks.append(("SQL warehouse", lambda: look.warehouse(warehouse_id)))
    for table in tables:
        checks.append((f"table {table}", lambda table=table: look.table(table)))  # type: ignore[misc]
    storage = ("cloud storage", lambda: look.storage(needed=bool(warehouse_id)))
    return [first, *(_checked(name, check) for name, check in [*checks, storage])]


def _checked(name: str, check: Callable[[], Check | str]) -> Check:
    """The check, or what kept it from succeeding, with what is to be done."""
    try:
        found = check()
    except PipelineError as error:
        return Check(name, State.MISSING, error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - an answer that is none of the API's: the other checks are told all the same
        return Check(
            name, State.UNKNOWN, f"Databricks answered something else than its API says ({type(error).__name__})"
        )
    return found if isinstance(found, Check) else Check(name, State.OK, found)


class _Look:
    """The checks, on one workspace."""

    def __init__(self, connection: Connection, options: RunOptions) -> None:
        self._connection = connection
        self._options = options
        self._names: set[str] = set()
        self._me = ""

    @property
    def _client(self) -> WorkspaceClient:
        return self._connection.client()

    def credentials(self) -> str:
        """Who we are."""
        with self._connection.calling("ask who we are"):
            me = self._client.current_user.me()
            host = self._client.config.host
        self._me = str(me.user_name)
        self._names = {self._me, *(str(group.display) for group in me.groups or [] if group.display)}
        return f"{self._me} at {host}"

    def volume(self) -> str:
        """Write, read and delete a file in the volume."""
        volume = self._options.volume
        catalog, schema, _ = volume.split(".")
        grant = (
            f"Create volume {volume}, and grant READ VOLUME and WRITE VOLUME on it, USE SCHEMA on {catalog}.{schema} "
            f"and USE CATALOG on {catalog}"
        )
        path = self._probe
        with self._connection.calling(f"write to volume {volume}", grant=grant):
            self._client.files.upload(path, io.BytesIO(_CONTENT), overwrite=True)
        try:
            with self._connection.calling(f"read from volume {volume}", grant=grant):
                contents = self._client.files.download(path).contents
                if contents is None:
                    raise BackendFailed(f"Databricks sent no content for {path}.")
                with closing(contents):
                    arrived = contents.read()
        finally:
            with self._connection.calling(f"remove a file of volume {volume}", grant=grant):
                self._client.files.delete(path)
        if arrived != _CONTENT:
            raise BackendFailed(f"Volume {volume} gave back something else than was written.")
        return f"{volume} can be written, read and cleaned up"

    @property
    def _probe(self) -> str:
        volume = self._options.volume.replace(".", "/")
        return f"/Volumes/{volume}/training_pipeline/preflight-{uuid.uuid4().hex[:8]}"

    def folder(self) -> str:
        """Write and delete a file in the folder for programs."""
        from databricks.sdk.service.workspace import ImportFormat

        folder = self._options.workspace_dir or f"/Workspace/Users/{self._me}/training_pipeline"
        grant = f"Let us manage {folder}, or set TRAINING_PIPELINE_DATABRICKS_WORKSPACE_DIR to a folder of ours"
        path = f"{folder}/preflight-{uuid.uuid4().hex[:8]}.txt"
        with self._connection.calling(f"write to {folder}", grant=grant):
            self._client.workspace.mkdirs(folder)
            self._client.workspace.upload(path, io.BytesIO(_CONTENT), format=ImportFormat.AUTO, overwrite=True)
            self._client.workspace.delete(path)
        return f"{folder} can be written"

    def runs(self) -> Check:
        """See runs; whether AI Runtime takes ours, only a run shows."""
        with self._connection.calling("list the submitted runs", grant="Let us see and manage our own runs"):
            next(iter(self._client.jobs.list_runs(limit=1)), None)
        said = "runs can be seen; whether AI Runtime and the policies take ours, the first run shows"
        return Check("runs", State.OK, said)

    def schema(self) -> Check:
        """Whether models may be made in the schema of the volume."""
        name = self._options.volume.rpartition(".")[0]
        remedy = f"Grant CREATE MODEL and USE SCHEMA on {name}, and USE CATALOG on {name.partition('.')[0]}"
        with self._connection.calling(f"look at schema {name}", grant=remedy):
            owner = self._client.schemas.get(name).owner
        try:
            with self._connection.calling(f"see who may do what in schema {name}"):
                assigned = self._client.grants.get_effective("schema", name).privilege_assignments
        except PipelineError as error:
            return Check("schema for models", State.UNKNOWN, f"{name} is there; {error.message}", remedy)
        holders = {owner} | {
            each.principal
            for each in assigned or []
            if {item.privilege.value for item in each.privileges or [] if item.privilege}
            & {"CREATE_MODEL", "ALL_PRIVILEGES"}
        }
        match may_add(self._names, holders - {None}):
            case True:
                return Check("schema for models", State.OK, f"{name} is there, and models may be made in it")
            case False:
                said = f"{self._me} may not make models in {name}"
                return Check("schema for models", State.MISSING, said, remedy)
            case _:
                said = f"{name} is there; a group may make models in it that is not known to be ours"
                return Check("schema for models", State.UNKNOWN, said, remedy)

    def secret(self) -> str:
        """Whether the secret with the Hugging Face token is there. Its value is not read."""
        scope, _, key = str(self._options.hf_token_secret).partition("/")
        grant = f"Create secret scope {scope}, and grant us READ on it"
        with self._connection.calling(f"look at secret scope {scope}", grant=grant):
            keys = [secret.key for secret in self._client.secrets.list_secrets(scope)]
        if key not in keys:
            raise BackendFailed(
                f"Secret scope {scope} has no secret {key}.", hint=f"databricks secrets put-secret {scope} {key}"
            )
        return f"{scope}/{key} is there; whether its owner has the permissions, the first download shows"

    def warehouse(self, warehouse_id: str) -> str:
        """Run a statement, which starts a warehouse that is stopped."""
        Statements(self._connection, warehouse_id, WAREHOUSE_SECONDS).rows("SELECT 1")
        return f"{warehouse_id} answers"

    def table(self, name: str) -> str:
        """See the table and its tags."""
        schema = name.rpartition(".")[0]
        grant = f"Grant SELECT on table {name}, USE SCHEMA on {schema} and USE CATALOG on {schema.partition('.')[0]}"
        with self._connection.calling(f"look at table {name}", grant=grant):
            columns = self._client.tables.get(name).columns or []
        with self._connection.calling(f"read the tags of table {name}", grant=grant):
            list(self._client.entity_tag_assignments.list("tables", name))
        return f"{len(columns)} columns, and its tags can be read"

    def storage(self, *, needed: bool) -> Check:
        """Whether this machine reaches the storage behind presigned links; `needed` where results of SQL lie there."""
        name = "cloud storage"
        path = self._probe
        with self._connection.calling(f"write to volume {self._options.volume}"):
            self._client.files.upload(path, io.BytesIO(_CONTENT), overwrite=True)
        try:
            link = self._link(path)
            if link is None:
                return Check(name, State.OK, "the workspace gives no links: files go through the workspace itself")
            url, headers = link
            why = None if fetch(url, headers, timeout=_STORAGE_SECONDS) == _CONTENT else "it sends something else"
        except StorageFailed as error:
            why = str(error)
        finally:
            with self._connection.calling(f"remove a file of volume {self._options.volume}"):
                self._client.files.delete(path)
        if why is None:
            return Check(name, State.OK, "reached by presigned links")
        said = f"out of reach by presigned links ({why})" + (
            "; results of SQL come from there" if needed else "; large files go through the workspace, which is slower"
        )
        remedy = "Let this machine reach the workspace's cloud storage over HTTPS"
        return Check(name, State.MISSING if needed else State.UNKNOWN, said, remedy)

    def _link(self, path: str) -> tuple[str, dict[str, str]] | None:
        """A presigned link to a file, and the headers to send; null where the workspace gives none."""
        from databricks.sdk.errors.base import DatabricksError

        query = {"path": path, "expire_time": _in_an_hour()}
        try:
            with self._connection.calling("ask for a presigned link"):
                answer = self._client.api_client.do("POST", "/api/2.0/fs/create-download-url", query=query)
        except Gone:  # a workspace that knows no such call
            return None
        except PipelineError as error:
            cause = error.__cause__
            reasons = {info.reason for info in cause.get_error_info()} if isinstance(cause, DatabricksError) else set()
            if reasons & _NO_LINKS:
                return None
            raise
        if not isinstance(answer, dict) or "url" not in answer:
            return None
        return str(answer["url"]), {str(each["name"]): str(each["value"]) for each in answer.get("headers") or []}


def _in_an_hour() -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
