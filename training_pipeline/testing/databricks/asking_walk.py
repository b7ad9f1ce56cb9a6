"""Every fault at the calls that belong to no job: passwords for a Lakebase database, the preflight, clean-up, grants.

Used by the test that says how each of them must end, and by the script that writes the table into the docs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training_pipeline.databricks.lakebase import database_password
from training_pipeline.databricks.preflight import State, preflight
from training_pipeline.databricks.run_request import RunOptions
from training_pipeline.databricks.tracking import DatabricksTracking
from training_pipeline.databricks.volume_folders import VolumeFolders
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.workspace_access import AccessEntry
from training_pipeline.testing.databricks.backend import VOLUME, connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import REWORDED, FaultKind
from training_pipeline.testing.databricks_workspace.models import registry

PASSWORD: Final = "database/credentials"
PREFLIGHT: Final = (
    "me",
    "jobs/runs/list",
    "schemas/get",
    "schemas/effective-permissions",
    "secrets/list",
    "fs/create-download-url",
)
CLEAN_UP: Final = ("fs/directories/list", "fs/files/delete", "fs/directories/delete")
GRANT: Final = "models/grant"
CALLS: Final = (PASSWORD, *PREFLIGHT, *CLEAN_UP, GRANT)
_MODEL: Final = "main.ml.triage"
_ACCESS: Final = (AccessEntry(group_name="users", model_privileges=("EXECUTE",)),)
#: No reply is a slow one without end.
FAULTS: Final = tuple(kind for kind in FaultKind if kind not in {FaultKind.NO_REPLY, *REWORDED})
_SLOW_SECONDS: Final = 2.3
#: Between these two lines of docs/databricks.md stands the table.
BEGINS: Final = "<!-- calls without a job, written by scripts/write_databricks_faults.py -->\n"
ENDS: Final = "<!-- until here, too -->\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a question ended while one call went wrong once: `said` is what was wrong, empty where it was answered."""

    call: str
    fault: FaultKind
    struck: int
    said: str


def outcome(directory: Path, call: str, fault: FaultKind) -> Outcome:
    """Ask while one call goes wrong, once."""
    with serve(directory / f"{call}-{fault}".replace("/", "-")) as workspace:
        folder = workspace.path(f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline/runs/tj-1/deep")
        folder.mkdir(parents=True)
        (folder / "result.json").write_text("{}")
        workspace.secrets["ml/hf"] = "hf_secret"
        registry(workspace).models[_MODEL] = []
        workspace.faults.slow_seconds = _SLOW_SECONDS
        armed = workspace.faults.arm(call, fault)
        connection = connection_to(workspace, http_timeout=2, retry_timeout=5)
        try:
            said = _ask(call, connection)
        except PipelineError as error:
            said = str(error)
        if call in CLEAN_UP and fault is not FaultKind.VANISHED:  # a folder that is said not to exist is left
            assert folder.parent.exists() == bool(said), "it is removed, or somebody is told"
        return Outcome(call, fault, armed.happened, said)


def _ask(call: str, connection: Connection) -> str:
    """Ask the question to which a call belongs; what the answer complains of."""
    if call == PASSWORD:
        database_password(connection, "lakebase")
    elif call == GRANT:
        DatabricksTracking(connection, _ACCESS).share(_MODEL)
    elif call in CLEAN_UP:
        volume = VolumeFolders(connection, VOLUME)
        for folder in volume.folders():
            volume.content(folder)
            volume.remove(folder)
    else:
        options = RunOptions(volume=VOLUME, hf_token_secret="ml/hf")
        found = preflight(connection, options, warehouse_id=None, tables=[])
        return " ".join(f"{check.name}: {check.said}" for check in found if check.state is not State.OK)
    return ""


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a table for the docs, a row for each call."""
    lines = ["| call | once: it is answered | once: it says why not |", "| --- | --- | --- |"]
    for call in CALLS:
        mine = [one for one in outcomes if one.call == call]
        words = [(str(one.fault).replace("_", " "), bool(one.said)) for one in mine]
        columns = [[word for word, is_told in words if is_told is told] for told in (False, True)]
        lines.append(f"| `{call}` | " + " | ".join(", ".join(column) or "-" for column in columns) + " |")
    return "\n".join(lines) + "\n"


def in_page(page: str, new: str | None = None) -> str:
    """The table in the page; with `new`, the page with that table instead."""
    before, _, rest = page.partition(BEGINS)
    old, _, after = rest.partition(ENDS)
    return old if new is None else before + BEGINS + new + ENDS + after
