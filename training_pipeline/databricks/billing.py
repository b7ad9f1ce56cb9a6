"""What Databricks has billed for runs, by the system table `system.billing.usage`: some hours late, several rows a run.

NOT ESTABLISHED: that AI Runtime names the run in `usage_metadata.job_run_id`, as serverless jobs do. A run that it does
not name has no cost.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final

from training_pipeline.databricks.statements import Statements
from training_pipeline.domain.errors import Unavailable

#: A correction is a row of its own, and takes back what it corrects: so all rows are added up.
_BILLED: Final = """
    SELECT usage_metadata.job_run_id AS run_id, CAST(sum(usage_quantity) AS STRING) AS dbu
    FROM system.billing.usage
    WHERE usage_date >= CAST(:since AS DATE) AND usage_unit = 'DBU' AND workspace_id = :workspace
        AND array_contains(split(:runs, ','), usage_metadata.job_run_id)
    GROUP BY usage_metadata.job_run_id
"""


def billed(statements: Statements, run_ids: Collection[str], *, since: date) -> dict[str, float]:
    """The DBU billed for these runs of the workspace since a day, as far as that is known; one statement for all.

    Raises what `Statements.rows` raises: `SheetUnreadable` where the table may not be read.
    """
    if not run_ids:
        return {}
    connection = statements.connection
    with connection.calling("ask for the id of the workspace"):
        workspace = str(connection.client().get_workspace_id())
    asked = {"since": since.isoformat(), "workspace": workspace, "runs": ",".join(sorted(run_ids))}
    found = statements.rows(_BILLED, asked)
    try:
        return {str(run_id): float(str(dbu)) for run_id, dbu in found}
    except ValueError as error:
        raise Unavailable("system.billing.usage holds quantities that are no numbers.") from error
