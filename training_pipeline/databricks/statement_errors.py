"""Why a statement failed, in words that name the object and the grant, and never quote a value.

A warehouse's message may quote the text of a pair (as when a cast fails). So only its error condition is shown, and the
names of objects in the messages of the conditions listed here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from training_pipeline.domain.errors import BackendDenied, PipelineError, SheetUnreadable, Unavailable

if TYPE_CHECKING:
    from databricks.sdk.service.sql import StatementStatus

_CONDITION: Final = re.compile(r"\[([A-Z][A-Z0-9_.]+)\]")
_NAME: Final = re.compile(r"`[^`]+`(?:\.`[^`]+`)*|'[\w.$-]+(?:\.[\w.$-]+)*'")
_PRIVILEGE: Final = re.compile(
    r"(?:does not have|lacks?)(?: the)?(?: privilege)? ([A-Z][A-Z ]+?) (?:privilege )?on (\w+)"
)
_MISSING: Final = {
    "TABLE_OR_VIEW_NOT_FOUND": "table or view",
    "SCHEMA_NOT_FOUND": "schema",
    "CATALOG_NOT_FOUND": "catalog",
    "NO_SUCH_CATALOG_EXCEPTION": "catalog",
    "UNRESOLVED_COLUMN.WITH_SUGGESTION": "column",
    "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION": "column",
}
_DENIED: Final = ("INSUFFICIENT_PERMISSIONS", "PERMISSION_DENIED", "UNAUTHORIZED_ACCESS")
#: Codes of a failure that may pass.
_PASSING: Final = {
    "TEMPORARILY_UNAVAILABLE",
    "WORKSPACE_TEMPORARILY_UNAVAILABLE",
    "SERVICE_UNDER_MAINTENANCE",
    "RESOURCE_EXHAUSTED",
    "DEADLINE_EXCEEDED",
    "INTERNAL_ERROR",
    "IO_ERROR",
    "ABORTED",
    "CANCELLED",
    "UNKNOWN",
}


def failed_statement(status: StatementStatus | None, warehouse_id: str) -> PipelineError:
    """The error for a statement that did not succeed."""
    error = status.error if status else None
    message = (error.message if error else None) or ""
    code = error.error_code.value if error and error.error_code else "UNKNOWN"
    found = _CONDITION.search(message)
    condition = found[1] if found else ""
    name = _NAME.search(message)
    shown = name[0].replace("`", "").replace("'", "") if name else ""
    if condition in _MISSING:
        return SheetUnreadable(
            f"The {_MISSING[condition]} {shown} does not exist, or is not visible with these credentials.",
            hint="Check the tables and columns in the settings; grant SELECT on the table, USE SCHEMA on its schema "
            "and USE CATALOG on its catalog.",
        )
    if condition.split(".")[0] in _DENIED:
        privilege = _PRIVILEGE.search(message)
        what = f"{privilege[1]} on {privilege[2].lower()} {shown}" if privilege else f"what it takes to read {shown}"
        return BackendDenied(
            f"Databricks does not let us read {shown or 'a table'}: we do not have {what}.",
            hint=f"Grant {what} to the identity that runs this; it is retried automatically.",
        )
    why = condition or code
    if code in _PASSING and not condition:
        return Unavailable(f"SQL warehouse {warehouse_id} could not finish a statement ({why}).", hint="Try again.")
    return SheetUnreadable(
        f"SQL warehouse {warehouse_id} could not process the pairs ({why}).",
        hint="The warehouse's query history shows the statement and its full message.",
    )
