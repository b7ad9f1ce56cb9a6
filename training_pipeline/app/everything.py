"""All parts of an installation at once, for what runs long: API and pages, Dagster's daemon, runs.

What it imports is in memory before the first request or tick, and in the process that runs are forked off once for all
of them. A setting that is missing is said when it starts, not when somebody first needs it.
"""

from __future__ import annotations

from training_pipeline import urls  # noqa: F401

# What the parts import when they are built, so that this module brings it.
from training_pipeline.app import alerting, backend, heavy_reads, limits, sheet_source  # noqa: F401
from training_pipeline.app.container import Services, open_services
from training_pipeline.app.part import part
from training_pipeline.auth import tokens  # noqa: F401
from training_pipeline.backends import evaluating, handles  # noqa: F401
from training_pipeline.backends.local import backend as local  # noqa: F401
from training_pipeline.databricks import backend as databricks  # noqa: F401
from training_pipeline.databricks import statements  # noqa: F401
from training_pipeline.datasets import compare, known_versions, sheet_findings, sheet_rows, stored_examples  # noqa: F401
from training_pipeline.models import playground  # noqa: F401
from training_pipeline.models.evaluation import automatic, evaluations, judges, kept, staged, suites, tracked  # noqa: F401
from training_pipeline.models.promotion import approval_tags, promote  # noqa: F401
from training_pipeline.models.revocations import (  # noqa: F401
    automatic_retrains,
    decisions,
    retrains,
    revoke,
    standings,
    tags,
    unreported,
    watch,
)
from training_pipeline.models.uses import index  # noqa: F401
from training_pipeline.models.versions import (  # noqa: F401
    alias_watch,
    aliases,
    download,
    endpoint_watch,
    served_taints,
    versions,
)
from training_pipeline.retraining import retrain  # noqa: F401
from training_pipeline.reviewing import edits, log  # noqa: F401
from training_pipeline.settings import Settings
from training_pipeline.sheets.files import opening  # noqa: F401
from training_pipeline.sheets.unity_catalog import source  # noqa: F401
from training_pipeline.training_jobs.lifecycle import (  # noqa: F401
    actual_costs,
    catalog_lineage,
    estimating,
    failures,
    finalize,
    launch,
    permission_watch,
    service,
)
from training_pipeline.training_jobs.polling import permission, poller  # noqa: F401
from training_pipeline.training_jobs.store import handles as stored_handles  # noqa: F401
from training_pipeline.training_jobs.store import hash_keys, jobs  # noqa: F401
from training_pipeline.tuning import advance, objective, scoring, studies  # noqa: F401

#: Few need what makes sheets of uploads, and it brings readers of every format.
_WHEN_USED = frozenset({"imports"})


def part_names() -> list[str]:
    """The parts that are built at once."""
    found = {name for kind in Services.__mro__ for name, value in vars(kind).items() if isinstance(value, part)}
    return sorted(found - _WHEN_USED)


def built(services: Services) -> Services:
    """The same services with every part built. Raises `InvalidRequest` where settings are missing."""
    for name in part_names():
        getattr(services, name)
    return services


def open_everything(settings: Settings) -> Services:
    """`open_services`, with every part built. Raises as that does, and `InvalidRequest` where settings are missing."""
    return built(open_services(settings))
