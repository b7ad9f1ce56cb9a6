"""Every fault at the calls that belong to no job: passwords for a Lakebase database, and the preflight.

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
from training_pipeline.domain.errors import PipelineError
from training_pipeline.testing.databricks.backend import VOLUME, connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import REWORDED, FaultKind

PASSWORD: Final = "database/credentials"
PREFLIGHT: Final = ("me", "jobs/runs/list", "schemas/effective-permissions", "secrets/list")
CALLS: Final = (PASSWORD, *PREFLIGHT)
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
        workspace.path(f"/Volumes/{VOLUME.replace('.', '/')}").mkdir(parents=True)
        workspace.secrets["ml/hf"] = "hf_secret"
        workspace.faults.slow_seconds = _SLOW_SECONDS
        armed = workspace.faults.arm(call, fault)
        connection = connection_to(workspace, http_timeout=2, retry_timeout=5)
        try:
            if call == PASSWORD:
                database_password(connection, "lakebase")
                said = ""
            else:
                options = RunOptions(volume=VOLUME, hf_token_secret="ml/hf")
                found = preflight(connection, options, warehouse_id=None, tables=[])
                said = " ".join(f"{check.name}: {check.said}" for check in found if check.state is not State.OK)
        except PipelineError as error:
            said = str(error)
        return Outcome(call, fault, armed.happened, said)


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a table for the docs, a row for each call. Pure."""
    lines = ["| call | once: it is answered | once: it says why not |", "| --- | --- | --- |"]
    for call in CALLS:
        mine = [one for one in outcomes if one.call == call]
        words = [(str(one.fault).replace("_", " "), bool(one.said)) for one in mine]
        columns = [[word for word, is_told in words if is_told is told] for told in (False, True)]
        lines.append(f"| `{call}` | " + " | ".join(", ".join(column) or "-" for column in columns) + " |")
    return "\n".join(lines) + "\n"


def in_page(page: str, new: str | None = None) -> str:
    """The table in the page; with `new`, the page with that table instead. Pure."""
    before, _, rest = page.partition(BEGINS)
    old, _, after = rest.partition(ENDS)
    return old if new is None else before + BEGINS + new + ENDS + after
