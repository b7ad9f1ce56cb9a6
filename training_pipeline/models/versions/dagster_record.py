"""What Dagster's event log has in a job's partition, read from its tables: its library would take seconds to load.

They are those of the storage in our database; a test compares what is read here with what Dagster itself reads.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from training_pipeline.domain.lineage import AssetRecord
from training_pipeline.training_jobs.store.jobs import JobStore

_VERSION: Final = "dagster/data_version"
_INPUT: Final = "dagster/input_data_version/"
_LATEST: Final = text(
    "SELECT DISTINCT ON (asset_key) asset_key, id, run_id,"
    " CAST(event AS json) #> '{dagster_event,event_specific_data,materialization,tags}'"
    " FROM dagster.event_logs"
    " WHERE asset_key = ANY(:keys) AND dagster_event_type = 'ASSET_MATERIALIZATION' AND partition = :partition"
    " ORDER BY asset_key, id DESC"
)


@dataclass(frozen=True, slots=True)
class Materialized:
    """The latest materialization of each asset, and the versions of what the training sheet was made of."""

    records: dict[str, AssetRecord]
    inputs: dict[str, str]


def materialized(store: JobStore, job_id: str, keys: Collection[str]) -> Materialized:
    """What the event log has of these assets in the partition of the job. Reads only."""
    with store.begin() as connection:
        stored = [json.dumps([key]) for key in keys]
        rows = connection.execute(_LATEST, {"keys": stored, "partition": job_id}).tuples().all()
    records, inputs = {}, {}
    for stored_key, event_id, run_id, tags in rows:
        (key,) = json.loads(stored_key)
        found = tags or {}
        version = found.get(_VERSION, "")
        records[key] = AssetRecord(partition=job_id, run_id=run_id, storage_id=event_id, data_version=version)
        if key == "training_sheet":
            inputs = {name.removeprefix(_INPUT): value for name, value in found.items() if name.startswith(_INPUT)}
    return Materialized(records, inputs)
