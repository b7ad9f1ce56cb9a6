"""Versions in Dagster's event log: those of external assets are written, those of materializations read.

The names of the tags are Dagster's own but not exported by it; a test compares them with the installed ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import dagster as dg

from training_pipeline.domain.lineage import AssetRecord

DATA_VERSION_TAG: Final = "dagster/data_version"
INPUT_VERSION_TAG: Final = "dagster/input_data_version/"


def report_version(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str, version: str, metadata: Mapping[str, str | int]
) -> None:
    """Report the version of an external asset that a job is about to use, unless that was done already. Writes."""
    known = asset_records(instance, [key], partition)
    if key.to_user_string() in known and known[key.to_user_string()].data_version == version:
        return
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            asset_key=key,
            partition=partition,
            metadata=dict(metadata),
            tags={DATA_VERSION_TAG: version},
        )
    )


def asset_records(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey], partition: str) -> dict[str, AssetRecord]:
    """The latest materialization of each asset in one partition, by asset key; assets without one are left out."""
    records = {}
    for key in keys:
        found = _latest(instance, key, partition)
        if found is not None:
            records[key.to_user_string()] = AssetRecord(
                partition=partition,
                run_id=found.run_id,
                storage_id=found.storage_id,
                data_version=_tags(found).get(DATA_VERSION_TAG, ""),
            )
    return records


def input_versions(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> dict[str, str]:
    """What Dagster recorded, for the latest materialization in a partition, as the versions of what it was made from.

    By asset key. Of a partitioned asset it is the SHA-256 (hex) of the version.
    """
    found = _latest(instance, key, partition)
    return {
        name.removeprefix(INPUT_VERSION_TAG): version
        for name, version in _tags(found).items()
        if name.startswith(INPUT_VERSION_TAG)
    }


def _latest(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> dg.EventLogRecord | None:
    """The latest materialization of an asset in one partition."""
    chosen = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    found = instance.fetch_materializations(chosen, limit=1).records
    return found[0] if found and found[0].asset_materialization is not None else None


def _tags(record: dg.EventLogRecord | None) -> Mapping[str, str]:
    materialization = None if record is None else record.asset_materialization
    return {} if materialization is None else materialization.tags or {}
