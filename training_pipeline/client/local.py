"""Everything that can be asked of this installation, for one caller.

What a person asks for over HTTP, on a page or on the command line comes here. Roles and ownership are enforced here, by
the rules in `domain.access`; API and pages ask for the role earlier as well, before they read what was sent.
"""

from __future__ import annotations

from training_pipeline.client.audit.local import LocalAudit
from training_pipeline.client.evaluation.local import LocalEvaluation
from training_pipeline.client.governance.local import LocalGovernance

# What verbs on jobs import when they are called. Whoever has the whole client, as API and pages, calls them all.
from training_pipeline.client.jobs import advice, compare, diff, log, result, system_metrics  # noqa: F401
from training_pipeline.client.jobs.local import LocalJobs
from training_pipeline.client.models.local import LocalModels
from training_pipeline.client.sheets.local import LocalSheets
from training_pipeline.client.studies.local import LocalStudies


class LocalClient(LocalJobs, LocalSheets, LocalEvaluation, LocalModels, LocalGovernance, LocalStudies, LocalAudit):
    """A `Client` over the services of one installation. The caller is the actor of everything.

    Raises `Forbidden` where the caller's role does not reach, `NotYours` where the job is somebody else's. With a
    `drive`, `follow` works on a job itself where no daemon of Dagster does.
    """
